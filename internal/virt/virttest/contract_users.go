package virttest

import (
	"context"
	"path"
	"reflect"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// userHost is what the cases of a volume's users need of a host.
type userHost interface {
	VolumeUsers(ctx context.Context, v virt.Volume) (virt.Users, error)
	UnplugVolume(ctx context.Context, domain string, v virt.Volume) error
	PlugVolume(ctx context.Context, domain string, v virt.Volume) error
}

var userChecks = []check{
	{"a volume has users", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		base := givenQcow2(t, s, "base", "")
		wantUsers(t, s, base, virt.Users{})
		over := givenQcow2(t, s, "over", base.Path)
		top := givenQcow2(t, s, "top", over.Path)
		wantUsers(t, s, base, virt.Users{Overlays: []string{over.Path, top.Path}})
		wantUsers(t, s, over, virt.Users{Overlays: []string{top.Path}})

		d := givenWaitingDomain(t, s)
		d.Note, d.Disks = "note", []virt.Disk{{Path: top.Path, Format: "qcow2", Bus: "virtio"}}
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		user := virt.User{Domain: domainName, Device: "vda", Note: "note"}
		wantUsers(t, s, top, virt.Users{Guests: []virt.User{user}})
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		user.Running = true
		wantUsers(t, s, top, virt.Users{Guests: []virt.User{user}})
		wantUsers(t, s, base, virt.Users{Overlays: []string{over.Path, top.Path}})
	}},
	{"a volume that a running guest reads is plugged anew", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		v := givenQcow2(t, s, "seed", "")
		d := givenWaitingDomain(t, s)
		d.Disks = []virt.Disk{{Path: v.Path, Format: "qcow2", Bus: "virtio", ReadOnly: true, Serial: "SEED"}}
		done(t, "RedefineDomain", s.RedefineDomain(t.Context(), d))
		done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
		user := virt.User{Domain: domainName, Device: "vda", Running: true, Plugs: true}
		wantUsers(t, s, v, virt.Users{Guests: []virt.User{user}})

		done(t, "UnplugVolume", s.UnplugVolume(t.Context(), domainName, v))
		user.Running, user.Plugs = false, false // it is still defined with it
		wantUsers(t, s, v, virt.Users{Guests: []virt.User{user}})
		for range 2 { // the second finds nothing to do
			done(t, "PlugVolume", s.PlugVolume(t.Context(), domainName, v))
			wantRunning(t, s, d)
		}
	}},
	{"users of what is not there", func(t *testing.T, s Subject) {
		v := virt.Volume{Pool: poolName, Name: "none", Path: path.Join(poolPath, "none")}
		_, err := s.VolumeUsers(t.Context(), v)
		refused(t, "VolumeUsers", err, virt.ErrNotFound)
		refused(t, "UnplugVolume", s.UnplugVolume(t.Context(), domainName, v), virt.ErrNotFound)
		refused(t, "PlugVolume", s.PlugVolume(t.Context(), domainName, v), virt.ErrNotFound)
	}},
}

// givenQcow2 makes a volume, with or without a backing file.
func givenQcow2(t *testing.T, s Subject, name, backing string) virt.Volume {
	t.Helper()
	v := virt.Volume{Pool: poolName, Name: name, Format: "qcow2", Capacity: 1 << 20}
	if backing != "" {
		v.Backing = &virt.Backing{Path: backing, Format: "qcow2"}
	}
	done(t, "CreateVolume", s.CreateVolume(t.Context(), v))
	v, err := s.Volume(t.Context(), poolName, name)
	done(t, "Volume", err)
	return v
}

func wantUsers(t *testing.T, s Subject, v virt.Volume, want virt.Users) {
	t.Helper()
	got, err := s.VolumeUsers(t.Context(), v)
	done(t, "VolumeUsers", err)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the users of %s are %+v, want %+v", v.Name, got, want)
	}
}
