package provider

import (
	"errors"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const diskDomain = `{"name": "guest", "memory": "512MiB", "boot": ["disk"], "disks": [{"volume": "default/disk"}]}`

// mustSay plans, which has to change nothing and to say these texts, in no more warnings than they are.
func (c *core) mustSay(config string, texts ...string) {
	c.t.Helper()
	plan := c.plan(config)
	if plan.problems.hasError() || plan.replaces || !plan.state.Equal(c.state) {
		c.t.Fatalf("the plan changes something, or fails: %v\n%v\nplanned:\n%v", plan.problems, c.state, plan.state)
	}
	for _, text := range texts {
		if !strings.Contains(plan.problems.String(), text) {
			c.t.Errorf("the plan does not say %q, but\n%v", text, plan.problems)
		}
	}
}

// wantDisk holds that the definition, and the guest that runs, have this disk first.
func wantDisk(t *testing.T, h *virttest.Host, path string) {
	t.Helper()
	d, err := h.Domain(t.Context(), "guest")
	if err != nil || d.Disks[0].Path != path || d.Running != nil && d.Running.Disks[0].Path != path {
		t.Errorf("the guest has %+v, runs with %+v (%v), want %s", d.Disks, d.Running, err, path)
	}
}

const (
	beneath = "/var/lib/libvirt/images/disk"
	overlay = "/var/lib/libvirt/images/disk.nightly"
)

// TestLifecycleOverlay holds that nothing which is applied points a guest at the file beneath an overlay.
func TestLifecycleOverlay(t *testing.T) {
	for what, running := range map[string]string{"runs": "true", "is off": "false"} {
		t.Run(what, func(t *testing.T) {
			h := newGuestHost(t)
			newCore(t, h, "netboot_volume").must(strings.ReplaceAll(memoryVolume, `"disk"`, `"other"`))
			with := func(attributes string) string {
				return strings.Replace(diskDomain, "{", `{"running": `+running+`, `+attributes, 1)
			}
			c := newCore(t, h, "netboot_domain")
			c.must(with(""))
			if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
				t.Fatal(err)
			}
			for _, attributes := range []string{"", `"vcpus": 2, `, `"autostart": true, `, `"cpu": "max", `, ``} {
				if problems := c.apply(with(attributes)); problems.hasError() {
					t.Fatal(problems)
				}
				c.mustSay(with(attributes), `A disk of domain "guest" has an overlay`, overlay, `since snapshot "nightly"`, "virsh blockcommit guest")
				wantDisk(t, h, overlay)
			}
			twoDisks := strings.Replace(with(""), `{"volume": "default/disk"}`, `{"volume": "default/disk"}, {"volume": "default/other"}`, 1)
			for _, config := range []string{twoDisks, strings.Replace(twoDisks, `default/disk"`, `default/disk", "cache": "none"`, 1), with("")} {
				if problems := c.apply(config); problems.hasError() {
					t.Fatal(problems)
				}
				wantDisk(t, h, overlay)
			}
			c.imports("guest")
			c.mustSay(with(""), `has an overlay`)
			if err := h.Commit(t.Context(), "guest"); err != nil {
				t.Fatal(err)
			}
			c.mustBeDone(with(""))
			wantDisk(t, h, beneath)
		})
	}
}

// TestLifecycleOverlayAfterPlan holds that an apply keeps an overlay of which its plan could not know.
func TestLifecycleOverlayAfterPlan(t *testing.T) {
	h := newGuestHost(t)
	newCore(t, h, "netboot_volume").must(strings.ReplaceAll(memoryVolume, `"disk"`, `"other"`))
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	changed := strings.Replace(diskDomain, `{"volume": "default/disk"}`, `{"volume": "default/disk", "cache": "none"}, {"volume": "default/other"}`, 1)
	plan := c.plan(changed)
	if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
		t.Fatal(err)
	}
	if problems := c.do(plan); problems.hasError() {
		t.Fatal(problems)
	}
	wantDisk(t, h, overlay)
	c.mustSay(changed, "has an overlay")
}

// TestLifecycleOverlayTakenBack holds that a guest which was to lose a disk, and could not, has its overlay again.
func TestLifecycleOverlayTakenBack(t *testing.T) {
	h := newGuestHost(t)
	newCore(t, h, "netboot_volume").must(strings.ReplaceAll(memoryVolume, `"disk"`, `"other"`))
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
		t.Fatal(err)
	}
	h.Fail("UpdateRunningDomain", errors.New("in use"))
	other := strings.Replace(diskDomain, "default/disk", "default/other", 1)
	problems := c.apply(other)
	if !problems.hasError() || !strings.Contains(problems.String(), `A disk removed from domain "guest" has an overlay`) {
		t.Errorf("the apply says %v", problems)
	}
	wantDisk(t, h, overlay)
	h.Fail("UpdateRunningDomain", nil)
	c.mustSay(diskDomain, "has an overlay")
	if problems := c.apply(other); problems.hasError() {
		t.Error(problems)
	}
	wantDisk(t, h, "/var/lib/libvirt/images/other")
	c.mustBeDone(other)
}

// TestLifecycleOverlayIsAnother has a guest whose state names an overlay, and then what is beneath: the guest keeps it.
func TestLifecycleOverlayIsAnother(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
		t.Fatal(err)
	}
	top := strings.Replace(diskDomain, `"volume": "default/disk"`, `"path": "`+overlay+`", "format": "qcow2"`, 1)
	if problems := c.apply(top); problems.hasError() {
		t.Fatal(problems)
	}
	c.mustBeDone(top)
	problems := c.apply(diskDomain)
	if problems.hasError() || !strings.Contains(problems.String(), `Domain "guest" keeps an overlay`) {
		t.Errorf("the apply says %v", problems)
	}
	wantDisk(t, h, overlay)
	c.mustSay(diskDomain, "has an overlay")
}

// TestLifecycleOtherDisk holds that a disk which others have moved is said to be another one.
func TestLifecycleOtherDisk(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	d := runningGuest(t, h)
	if err := h.Disk().WriteFile("/srv/moved", nil); err != nil {
		t.Fatal(err)
	}
	d.Disks = []virt.Disk{{Path: "/srv/moved", Format: "raw", Bus: "virtio"}}
	if err := errors.Join(h.RedefineDomain(t.Context(), d), h.UpdateRunningDomain(t.Context(), d)); err != nil {
		t.Fatal(err)
	}
	if said := c.plan(diskDomain).problems.String(); !strings.Contains(said, `Domain "guest" has another disk`) || !strings.Contains(said, "/srv/moved") {
		t.Errorf("the plan says %s", said)
	}
}

// TestLifecycleResizeBeneath holds that a volume does not grow beneath an overlay, and that the plan says so.
func TestLifecycleResizeBeneath(t *testing.T) {
	h := newGuestHost(t)
	volume := newCore(t, h, "netboot_volume")
	volume.imports("default/disk")
	newCore(t, h, "netboot_domain").must(diskDomain)
	if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
		t.Fatal(err)
	}
	larger := strings.Replace(memoryVolume, "1GiB", "2GiB", 1)
	if said := volume.plan(larger).problems; !said.hasError() || !strings.Contains(said.String(), "lies beneath the disk") {
		t.Errorf("the plan says %v", said)
	}
	if err := errors.Join(h.Commit(t.Context(), "guest"), h.Save(t.Context(), "guest")); err != nil {
		t.Fatal(err)
	}
	if said := volume.plan(larger).problems.String(); !strings.Contains(said, `Domain "guest" is saved`) || !strings.Contains(said, `Domain "guest" has snapshots`) {
		t.Errorf("the plan says %s", said)
	}
	volume.must(larger)
}

// TestLifecycleOverlayReplaced holds that a plan which replaces a guest says what the new one does not have.
func TestLifecycleOverlayReplaced(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	if err := h.Snapshot(t.Context(), "guest", "nightly"); err != nil {
		t.Fatal(err)
	}
	c.refresh()
	if said := c.planFrom(c.state, c.private, strings.Replace(diskDomain, `"guest"`, `"other"`, 1)).problems.String(); !strings.Contains(said, "is replaced has an overlay") {
		t.Errorf("the plan says %s", said)
	}
}

// TestLifecycleSaved holds what becomes of a guest that somebody has saved: it continues where nothing needs a fresh boot,
// and one apply is enough for any change.
func TestLifecycleSaved(t *testing.T) {
	for what, test := range map[string]struct {
		change string
		says   string
		boots  int
		saved  bool
	}{
		"nothing else":      {"", "resumes the guest from its saved memory", 0, false},
		"autostart":         {`"autostart": true, `, "resumes the guest", 0, false},
		"what can be live":  {`"vcpus": 2, `, "resumes the guest", 0, false},
		"what needs a boot": {`"cpu": "max", `, "A change of cpu takes effect only with a fresh boot", 1, false},
		"it shall be off":   {`"running": false, `, "", 0, true},
		"off and changed":   {`"running": false, "cpu": "max", `, "discards the saved memory", 0, false},
	} {
		t.Run(what, func(t *testing.T) {
			h := newGuestHost(t)
			c := newCore(t, h, "netboot_domain")
			with := func(change string) string {
				return strings.Replace(memoryDomain, "{", `{"max_vcpus": 4, `+change, 1)
			}
			c.must(with(""))
			if err := h.Save(t.Context(), "guest"); err != nil {
				t.Fatal(err)
			}
			boots := h.Calls("BootDomain")
			problems := c.apply(with(test.change))
			if problems.hasError() || !strings.Contains(problems.String(), test.says) {
				t.Errorf("the apply says %v, want %q", problems, test.says)
			}
			if got := h.Calls("BootDomain") - boots; got != test.boots {
				t.Errorf("the guest booted %d times, want %d", got, test.boots)
			}
			if saved, err := h.SavedDomain(t.Context(), "guest"); err != nil || (saved != nil) != test.saved {
				t.Errorf("the guest is saved: %+v, %v, want %v", saved, err, test.saved)
			}
			c.mustBeDone(with(test.change))
			if strings.Contains(test.change, "vcpus") {
				if now := runningGuest(t, h); now.Running.VCPUs != 2 {
					t.Errorf("the guest runs with %+v", now.Running)
				}
			}
		})
	}
}

// TestLifecycleSavedAndChanged holds that what was changed while a guest was saved is there when it runs again, after one
// apply, and that a saved guest does not continue beneath an overlay.
func TestLifecycleSavedAndChanged(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	if err := h.Save(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	d, err := h.Domain(t.Context(), "guest")
	if err != nil {
		t.Fatal(err)
	}
	d.VCPUs, d.MaxVCPUs = 3, 3
	if err := h.RedefineDomain(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(diskDomain, "{", `{"vcpus": 3, `, 1)
	if problems := c.apply(changed); problems.hasError() || !strings.Contains(problems.String(), "The change since then of vcpus") {
		t.Errorf("the apply says %v", problems)
	}
	c.mustBeDone(changed)
	if now := runningGuest(t, h); now.Running.VCPUs != 3 {
		t.Errorf("the guest runs with %+v", now.Running)
	}
	if err := errors.Join(h.Save(t.Context(), "guest"), h.Snapshot(t.Context(), "guest", "nightly")); err != nil {
		t.Fatal(err)
	}
	if said := c.plan(changed).problems; said.hasError() || !strings.Contains(said.String(), "virsh managedsave-remove guest") {
		t.Errorf("the plan says %v", said)
	}
	if problems := c.apply(changed); !problems.hasError() {
		t.Error("it was resumed beneath an overlay")
	}
}

// TestLifecycleBelongings holds that changes and the destroy of a guest say what they do to its snapshots and its save.
func TestLifecycleBelongings(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(diskDomain)
	if err := errors.Join(h.Snapshot(t.Context(), "guest", "nightly"), h.Save(t.Context(), "guest")); err != nil {
		t.Fatal(err)
	}
	c.refresh()
	if said := c.plan(strings.Replace(diskDomain, "512MiB", "1GiB", 1)).problems.String(); !strings.Contains(said, `Domain "guest" has snapshots`) || !strings.Contains(said, "nightly") {
		t.Errorf("the plan of a change says %s", said)
	}
	_, found := c.planDestroy()
	said := found.String()
	for _, text := range []string{"its saved memory", `snapshot "nightly"`, overlay} {
		if !strings.Contains(said, text) {
			t.Errorf("the plan of the destroy does not say %q, but %s", text, said)
		}
	}
	destroys(t, c)
}

// TestLifecycleRenamed holds that a guest which others have renamed is found, and is neither made again nor destroyed.
func TestLifecycleRenamed(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	h.EndDomain("guest")
	if err := h.RenameDomain(t.Context(), "guest", "web"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if said := c.plan(memoryDomain).problems; !said.hasError() || !strings.Contains(said.String(), `The domain "guest" was renamed to "web"`) {
			t.Errorf("the plan says %v", said)
		}
	}
	renamed := strings.Replace(memoryDomain, `"guest"`, `"web"`, 1)
	if plan := c.plan(renamed); plan.problems.hasError() || plan.replaces {
		t.Errorf("with the new name the plan says %v, replaces: %v", plan.problems, plan.replaces)
	}
	c.must(renamed)
	if names, err := h.DomainNames(t.Context()); err != nil || len(names) != 1 || names[0] != "web" {
		t.Errorf("the host has %q, %v", names, err)
	}
	h.EndDomain("web")
	if err := h.RenameDomain(t.Context(), "web", "guest"); err != nil {
		t.Fatal(err)
	}
	c.must(memoryDomain)
	if err := h.RenameDomain(t.Context(), "guest", "web"); err != nil {
		t.Fatal(err)
	}
	if err := h.CreateDomain(t.Context(), virt.Domain{Name: "guest", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 1 << 29}); err != nil {
		t.Fatal(err)
	}
	if said := c.plan(memoryDomain).problems; !said.hasError() || !strings.Contains(said.String(), `was renamed to "web"`) {
		t.Errorf("with another guest of the old name the plan says %v", said)
	}
	destroys(t, c)
	if names, err := h.DomainNames(t.Context()); err != nil || len(names) != 1 || names[0] != "guest" {
		t.Errorf("after the destroy the host has %q, %v", names, err)
	}
}

// TestLifecycleNetworkRenamed is the same of a network, which others define anew with its UUID.
func TestLifecycleNetworkRenamed(t *testing.T) {
	h := newMemoryHost(t)
	c := newCore(t, h, "netboot_network")
	c.must(memoryNetwork)
	if err := h.RenameNetwork(t.Context(), "lab", "web"); err != nil {
		t.Fatal(err)
	}
	if said := c.plan(memoryNetwork).problems; !said.hasError() || !strings.Contains(said.String(), `The network "lab" was renamed to "web"`) {
		t.Errorf("the plan says %v", said)
	}
	c.mustBeDone(strings.Replace(memoryNetwork, `"lab"`, `"web"`, 1))
	destroys(t, c)
}
