package virttest

import (
	"context"
	"path"
	"slices"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// snapshotHost is what the cases of snapshots and saved guests need of a host.
type snapshotHost interface {
	Beneath(ctx context.Context, domain string, disk virt.Disk) ([]virt.Layer, error)
	DisksWithOverlays(ctx context.Context, name string, wanted []virt.Disk) ([]virt.Disk, error)
	CheckResize(ctx context.Context, pool, name string) ([]string, error)
	SavedDomain(ctx context.Context, name string) (*virt.Domain, error)
	DiscardSaved(ctx context.Context, name string) error
	Belongings(ctx context.Context, name string) (virt.Belongings, error)
	IsTransient(ctx context.Context, name string) (bool, error)
	CreateSnapshot(ctx context.Context, name, snapshot string) error
	RevertSnapshot(ctx context.Context, name, snapshot string) error
	DeleteSnapshot(ctx context.Context, name, snapshot string) error
	RunCommand(ctx context.Context, name string, c virt.Command) (virt.CommandResult, error)
}

var snapshotChecks = []check{
	{"a guest that is off keeps an overlay", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		keepsOverlays(t, s, d, virt.Off)
	}},
	{"a guest that runs keeps an overlay", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		keepsOverlays(t, s, d, virt.Running)
	}},
	{"a volume beneath a guest's disk", func(t *testing.T, s Subject) {
		givenDomainOnVolumes(t, s)
		if guests, err := s.CheckResize(t.Context(), poolName, "one.qcow2"); err != nil || !slices.Equal(guests, []string{domainName}) {
			t.Errorf("CheckResize returned %q, %v", guests, err)
		}
		done(t, "Snapshot", s.Snapshot(t.Context(), domainName, "nightly"))
		_, err := s.CheckResize(t.Context(), poolName, "one.qcow2")
		failed(t, "CheckResize", err)
		_, err = s.CheckResize(t.Context(), poolName, "none")
		refused(t, "CheckResize", err, virt.ErrNotFound)
	}},
	{"a saved guest continues, or starts again", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		wantSaved(t, s, false)
		for _, discards := range []bool{false, true} {
			done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
			done(t, "Save", s.Save(t.Context(), domainName))
			wantSaved(t, s, true)
			wantReason(t, s, virt.WasSaved)
			changed := d
			changed.VCPUs, changed.MaxVCPUs = 2, 2
			done(t, "RedefineDomain", s.RedefineDomain(t.Context(), changed))
			if discards {
				done(t, "DiscardSaved", s.DiscardSaved(t.Context(), domainName))
				done(t, "DiscardSaved again", s.DiscardSaved(t.Context(), domainName))
				d = changed
			}
			done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
			wantRunning(t, s, d)
			done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
			wantSaved(t, s, false)
		}
	}},
	{"a guest that is saved does not continue beneath an overlay", func(t *testing.T, s Subject) {
		givenDomainOnVolumes(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "Save", s.Save(t.Context(), domainName))
		done(t, "Snapshot", s.Snapshot(t.Context(), domainName, "nightly"))
		failed(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "DiscardSaved", s.DiscardSaved(t.Context(), domainName))
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
	}},
	{"a guest that is off goes back to a snapshot", func(t *testing.T, s Subject) {
		revertsTo(t, s, givenDomainOnVolumes(t, s), virt.Off)
	}},
	{"a guest that runs goes back to a snapshot", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		revertsTo(t, s, d, virt.Running)
	}},
	{"a guest that is paused goes back to a snapshot", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "Suspend", s.Suspend(t.Context(), domainName))
		revertsTo(t, s, d, virt.Paused)
	}},
	{"a guest that cannot have a snapshot", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		failed(t, "CreateSnapshot with a number", s.CreateSnapshot(t.Context(), domainName, "1"))
		done(t, "CreateVolume", s.CreateVolume(t.Context(), virt.Volume{Pool: poolName, Name: "raw", Format: "raw", Capacity: 1 << 20}))
		raw := virt.Disk{Path: path.Join(poolPath, "raw"), Format: "raw", Bus: "virtio"}
		for _, disks := range [][]virt.Disk{{d.Disks[0], raw}, {}} {
			changed := d
			changed.Disks = disks
			done(t, "RedefineDomain", s.RedefineDomain(t.Context(), changed))
			failed(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
		}
		raw.ReadOnly = true
		d.Disks = append(d.Disks, raw)
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		done(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
	}},
	{"a guest that is installed has no snapshot", func(t *testing.T, s Subject) {
		d := givenDomainOnVolumes(t, s)
		done(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
		run, err := s.InstallDomain(t.Context(), d)
		done(t, "InstallDomain", err)
		run.Leave()
		refusesSnapshots(t, s)
		wantInstalling(t, s, true)
	}},
	{"a guest that is saved has no snapshot", func(t *testing.T, s Subject) {
		givenDomainOnVolumes(t, s)
		done(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		done(t, "Save", s.Save(t.Context(), domainName))
		refusesSnapshots(t, s)
		wantSaved(t, s, true)
	}},
	{"a guest on an overlay has no snapshot", func(t *testing.T, s Subject) {
		givenDomainOnVolumes(t, s)
		done(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
		done(t, "Snapshot", s.Snapshot(t.Context(), domainName, "nightly"))
		before, err := s.Domain(t.Context(), domainName)
		done(t, "Domain", err)
		refusesSnapshots(t, s)
		failed(t, "RevertSnapshot of an external one", s.RevertSnapshot(t.Context(), domainName, "nightly"))
		failed(t, "DeleteSnapshot of an external one", s.DeleteSnapshot(t.Context(), domainName, "nightly"))
		wantDomain(t, s, before)
	}},
	{"a guest without an agent runs no command", func(t *testing.T, s Subject) {
		runs := func() error {
			_, err := s.RunCommand(t.Context(), domainName, virt.Command{Program: "true"})
			return err
		}
		refused(t, "RunCommand", runs(), virt.ErrNotFound)
		d := givenWaitingDomain(t, s)
		failed(t, "RunCommand of one that is off", runs())
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		failed(t, "RunCommand without a channel", runs())
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		d.GuestAgent = true
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		failed(t, "RunCommand without an agent", runs())
	}},
	{"what belongs to a domain that is not there", func(t *testing.T, s Subject) {
		_, err := s.Belongings(t.Context(), domainName)
		refused(t, "Belongings", err, virt.ErrNotFound)
		_, err = s.SavedDomain(t.Context(), domainName)
		refused(t, "SavedDomain", err, virt.ErrNotFound)
		refused(t, "DiscardSaved", s.DiscardSaved(t.Context(), domainName), virt.ErrNotFound)
		_, err = s.DisksWithOverlays(t.Context(), domainName, nil)
		refused(t, "DisksWithOverlays", err, virt.ErrNotFound)
		_, err = s.IsTransient(t.Context(), domainName)
		refused(t, "IsTransient", err, virt.ErrNotFound)
		refused(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"), virt.ErrNotFound)
		refused(t, "RevertSnapshot", s.RevertSnapshot(t.Context(), domainName, "clean"), virt.ErrNotFound)
		refused(t, "DeleteSnapshot", s.DeleteSnapshot(t.Context(), domainName, "clean"), virt.ErrNotFound)
	}},
}

// keepsOverlays takes two snapshots of a guest, and then changes the guest: its first disk keeps its overlays, its
// second disk is removed, and a third disk is added.
func keepsOverlays(t *testing.T, s Subject, d virt.Domain, state virt.State) {
	t.Helper()
	for _, name := range []string{"nightly", "weekly"} {
		done(t, "Snapshot", s.Snapshot(t.Context(), domainName, name))
	}
	overlaid := d
	overlaid.Disks = slices.Clone(d.Disks)
	for i, name := range []string{"one.weekly", "two.weekly"} {
		overlaid.Disks[i].Path = path.Join(poolPath, name)
	}
	read := wantDomain(t, s, withState(overlaid, state))
	layers, err := s.Beneath(t.Context(), domainName, read.Disks[0])
	done(t, "Beneath", err)
	want := []virt.Layer{{Where: path.Join(poolPath, "one.nightly"), Format: "qcow2", Snapshot: "weekly"}, {Where: path.Join(poolPath, "one.qcow2"), Format: "qcow2", Snapshot: "nightly"}}
	if !slices.Equal(layers, want) {
		t.Errorf("Beneath returned %+v, want %+v", layers, want)
	}
	if found, err := s.DisksWithOverlays(t.Context(), domainName, d.Disks); err != nil || !sameSet(plainDisks(found), plainDisks(overlaid.Disks)) {
		t.Errorf("DisksWithOverlays returned %+v, %v, want %+v", found, err, overlaid.Disks)
	}
	if found, err := s.Belongings(t.Context(), domainName); err != nil || found.Saved || !slices.Equal(found.Snapshots, []string{"nightly", "weekly"}) {
		t.Errorf("Belongings returned %+v, %v", found, err)
	}
	changed, after := d, overlaid
	third := virt.Disk{Path: path.Join(poolPath, "three"), Format: "raw", Bus: "virtio"}
	done(t, "CreateVolume", s.CreateVolume(t.Context(), virt.Volume{Pool: poolName, Name: "three", Format: "raw", Capacity: 1 << 20}))
	changed.Disks, after.Disks = []virt.Disk{d.Disks[0], third}, []virt.Disk{overlaid.Disks[0], third}
	changed.Note, after.Note = "changed", "changed"
	for range 2 {
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), changed))
		wantDomain(t, s, withState(after, state))
		if state == virt.Running {
			done(t, "UpdateRunningDomain", s.UpdateRunningDomain(t.Context(), changed))
			wantRunning(t, s, after)
		}
	}
}

// revertsTo makes a snapshot of a guest, changes the guest and its state, and reverts it, twice. The guest has its definition
// and its state again, and its newest note.
func revertsTo(t *testing.T, s Subject, d virt.Domain, state virt.State) {
	t.Helper()
	refused(t, "RevertSnapshot", s.RevertSnapshot(t.Context(), domainName, "clean"), virt.ErrNotFound)
	refused(t, "DeleteSnapshot", s.DeleteSnapshot(t.Context(), domainName, "clean"), virt.ErrNoSnapshot)
	done(t, "SetNote", s.SetNote(t.Context(), domainName, "at the snapshot"))
	done(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "clean"))
	refused(t, "CreateSnapshot again", s.CreateSnapshot(t.Context(), domainName, "clean"), virt.ErrExists)
	wantState(t, s, state)
	for _, note := range []string{"since then", ""} {
		changed := d
		changed.VCPUs, changed.Note = 2, note
		changed.Disks = changed.Disks[:1]
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), changed))
		if note == "" {
			done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		} else {
			done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		}
		done(t, "RevertSnapshot", s.RevertSnapshot(t.Context(), domainName, "clean"))
		wantState(t, s, state)
		read, err := s.Domain(t.Context(), domainName)
		done(t, "Domain", err)
		if read.VCPUs != d.VCPUs || len(read.Disks) != len(d.Disks) || read.Note != note {
			t.Errorf("after the revert, the domain is %+v, want %+v with the note %q", read, d, note)
		}
		if state != virt.Off {
			wantRunning(t, s, d)
		}
	}
	if found, err := s.Belongings(t.Context(), domainName); err != nil || !slices.Equal(found.Snapshots, []string{"clean"}) {
		t.Errorf("Belongings returned %+v, %v", found, err)
	}
	done(t, "DeleteSnapshot", s.DeleteSnapshot(t.Context(), domainName, "clean"))
	refused(t, "RevertSnapshot", s.RevertSnapshot(t.Context(), domainName, "clean"), virt.ErrNotFound)
	wantState(t, s, state)
}

// refusesSnapshots checks that nothing is done with the snapshot "clean", and no other one is made.
func refusesSnapshots(t *testing.T, s Subject) {
	t.Helper()
	failed(t, "CreateSnapshot", s.CreateSnapshot(t.Context(), domainName, "other"))
	failed(t, "RevertSnapshot", s.RevertSnapshot(t.Context(), domainName, "clean"))
	failed(t, "DeleteSnapshot", s.DeleteSnapshot(t.Context(), domainName, "clean"))
}

// givenDomainOnVolumes has two disks. When it is started, it waits for a DHCP server that its network does not have.
func givenDomainOnVolumes(t *testing.T, s Subject) virt.Domain {
	t.Helper()
	givenPool(t, s, true)
	d := givenWaitingDomain(t, s)
	for _, name := range []string{"one.qcow2", "two.qcow2"} {
		done(t, "CreateVolume", s.CreateVolume(t.Context(), virt.Volume{Pool: poolName, Name: name, Format: "qcow2", Compat: "1.1", Capacity: 1 << 20}))
		d.Disks = append(d.Disks, virt.Disk{Path: path.Join(poolPath, name), Format: "qcow2", Bus: "virtio"})
	}
	done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
	return d
}

func wantSaved(t *testing.T, s Subject, want bool) {
	t.Helper()
	saved, err := s.SavedDomain(t.Context(), domainName)
	done(t, "SavedDomain", err)
	found, err := s.Belongings(t.Context(), domainName)
	done(t, "Belongings", err)
	if (saved != nil) != want || found.Saved != want {
		t.Errorf("SavedDomain returned %+v and Belongings %+v, want saved to be %v", saved, found, want)
	}
}
