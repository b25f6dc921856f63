package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// inUseRow is what happens to a volume in use: what the plan says, and what the apply then does.
type inUseRow struct {
	happens, who string
	plan         string // is in a warning or an error of the plan
	apply        string
	user         func(*virttest.Host) error
	does         func(t *testing.T, h *virttest.Host, c *core, problems problems)
}

const (
	inUseReplace, inUseDestroy, inUseRename = "it is replaced", "it is destroyed", "its `name` or `pool` changes"

	seedOne, seedTwo = `{"name": "seed", "ignition": "{\"ignition\": {\"version\": \"3.4.0\"}}"}`, `{"name": "seed", "ignition": "{\"ignition\": {\"version\": \"3.3.0\"}}"}`
	seedRenamed      = `{"name": "other", "ignition": "{\"ignition\": {\"version\": \"3.4.0\"}}"}`
	seedPath         = "/var/lib/libvirt/images/seed"
)

var inUseRows = []inUseRow{
	{inUseReplace, "a running guest that only reads it (`readonly`, bus `virtio`; or in a CD-ROM drive)",
		"The volume is detached, and attached again with the new content", "detaches and attaches it; the guest keeps running",
		guestOnSeed(true, true, ""), func(t *testing.T, h *virttest.Host, c *core, problems problems) {
			wantCalls(t, h, map[string]int{"UnplugVolume": 1, "PlugVolume": 1, "ShutDownDomain": 0})
		}},
	{inUseReplace, "a running guest that writes to it",
		"The guest is asked to shut down", "shuts it down, and starts it with the new content",
		guestOnSeed(true, false, ""), func(t *testing.T, h *virttest.Host, c *core, problems problems) {
			wantCalls(t, h, map[string]int{"UnplugVolume": 0, "ShutDownDomain": 1, "StartDomain": 2})
		}},
	{inUseReplace, "a running guest that writes to it, and whose `netboot_domain` has a `boot_check`",
		"Its netboot_domain then starts it with the new content, and checks its boot", "shuts it down; its `netboot_domain` starts it, and checks its boot",
		guestOnSeed(true, false, `{"boot_check": {"expect": ["login:"]}}`), func(t *testing.T, h *virttest.Host, c *core, problems problems) {
			wantCalls(t, h, map[string]int{"ShutDownDomain": 1, "StartDomain": 1})
		}},
	{inUseReplace, "a guest that is shut off",
		"The guest sees the new content at its next start", "replaces it",
		guestOnSeed(false, false, ""), func(t *testing.T, h *virttest.Host, c *core, problems problems) {
			wantCalls(t, h, map[string]int{"ShutDownDomain": 0, "StartDomain": 0})
		}},
	{inUseReplace, "another volume, as an overlay on it",
		"is an overlay on it", "also replaces an overlay of the same configuration, with a separate warning; otherwise it fails before it deletes anything",
		overlayOnSeed, refusesToDelete},
	{inUseDestroy, "a guest, running or shut off",
		"The apply does not destroy a volume in use", "fails, unless the same apply detaches the volume from the guest or destroys the guest; with `force_destroy`, deletes the volume",
		guestOnSeed(false, false, ""), refusesToDelete},
	{inUseDestroy, "another volume, as an overlay on it",
		"The apply does not destroy a volume in use", "fails, unless the same apply destroys that overlay; with `force_destroy`, deletes the volume",
		overlayOnSeed, refusesToDelete},
	{inUseRename, "a guest, or another volume",
		"create_before_destroy = true", "fails; with `create_before_destroy`, makes the new volume, changes the guests of the configuration, and destroys the old volume last",
		guestOnSeed(true, true, ""), refusesToDelete},
}

// TestGuideVolumesInUse checks that the guide "Volumes in use" shows what a plan says and an apply does.
func TestGuideVolumesInUse(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n| What happens to the volume | User of the volume | The plan says | The apply |\n|---|---|---|---|\n")
	for _, row := range inUseRows {
		fmt.Fprintf(&table, "| %s | %s | \"%s\" | %s |\n", row.happens, row.who, row.plan, row.apply)
		t.Run(row.happens+", "+row.who, func(t *testing.T) {
			t.Parallel() // a destroy waits for what this run plans for the guests
			h := newMemoryHost(t)
			c := newCore(t, h, "netboot_volume")
			c.must(seedOne)
			if err := row.user(h); err != nil {
				t.Fatal(err)
			}
			said, problems := row.act(c)
			if !strings.Contains(said.String(), row.plan) || said.hasError() {
				t.Errorf("the plan says %v, want %q", said, row.plan)
			}
			row.does(t, h, c, problems)
		})
	}
	docs.CheckTables(t, "volumes-in-use", "provider", table.String()+"\n")
}

// act plans and applies what happens.
func (row inUseRow) act(c *core) (said, problems problems) {
	switch row.happens {
	case inUseReplace:
		plan := c.plan(seedTwo)
		return plan.problems, c.do(plan)
	case inUseRename:
		plan := c.plan(seedRenamed)
		return plan.problems, c.do(plan)
	default:
		private, said := c.planDestroy()
		return said, c.change(c.none(), c.none(), private, c.identity)
	}
}

func guestOnSeed(runs, reads bool, note string) func(*virttest.Host) error {
	return func(h *virttest.Host) error {
		err := h.CreateDomain(context.Background(), virt.Domain{
			Name: "guest", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 1 << 29, Note: note,
			Disks: []virt.Disk{{Path: seedPath, Format: "raw", Bus: "virtio", ReadOnly: reads}},
		})
		if err == nil && runs {
			err = h.StartDomain(context.Background(), "guest")
		}
		return err
	}
}

func overlayOnSeed(h *virttest.Host) error {
	return h.CreateVolume(context.Background(), virt.Volume{
		Pool: "default", Name: "over", Format: "qcow2", Capacity: 1 << 20, Backing: &virt.Backing{Path: seedPath, Format: "raw"},
	})
}

func refusesToDelete(t *testing.T, h *virttest.Host, c *core, problems problems) {
	t.Helper()
	_, err := h.Volume(t.Context(), "default", "seed")
	if err != nil || !strings.Contains(problems.String(), `Unable to delete volume "default/seed"`) || c.state.IsNull() {
		t.Errorf("the volume is deleted: %v", problems)
	}
}

func wantCalls(t *testing.T, h *virttest.Host, want map[string]int) {
	t.Helper()
	for method, calls := range want {
		if got := h.Calls(method); got != calls {
			t.Errorf("%s was called %d times, want %d", method, got, calls)
		}
	}
}

// TestVolumeInUseOtherwise checks that an apply does nothing that the plan did not say, if guests or overlays are added, or guests
// start, after the plan.
func TestVolumeInUseOtherwise(t *testing.T) {
	for what, change := range map[string]func(h *virttest.Host) error{
		"a guest comes":    guestOnSeed(false, true, ""),
		"an overlay comes": overlayOnSeed,
	} {
		h := newMemoryHost(t)
		c := newCore(t, h, "netboot_volume")
		c.must(seedOne)
		plan := c.plan(seedTwo)
		if err := change(h); err != nil {
			t.Fatal(err)
		}
		t.Log(what)
		refusesToDelete(t, h, c, c.do(plan))
	}
	h := newMemoryHost(t)
	c := newCore(t, h, "netboot_volume")
	c.must(seedOne)
	if err := guestOnSeed(false, false, "")(h); err != nil {
		t.Fatal(err)
	}
	plan := c.plan(seedTwo)
	if err := h.StartDomain(t.Context(), "guest"); err != nil {
		t.Fatal(err)
	}
	refusesToDelete(t, h, c, c.do(plan))
}

// TestVolumeInUseFails checks that a guest gets its volume back if the delete fails, and that an error names the guests that wait
// if the new volume cannot be created.
func TestVolumeInUseFails(t *testing.T) {
	for method, want := range map[string]string{
		"DeleteVolume": "Unable to delete volume",
		"CreateVolume": `The old content is deleted, and guest "guest" runs without it`,
	} {
		h := newMemoryHost(t)
		c := newCore(t, h, "netboot_volume")
		c.must(seedOne)
		if err := guestOnSeed(true, true, "")(h); err != nil {
			t.Fatal(err)
		}
		plan := c.plan(seedTwo)
		h.Fail(method, errors.New("no space"))
		if said := c.do(plan).String(); !strings.Contains(said, want) {
			t.Errorf("%s fails: %s", method, said)
		}
		d, err := h.Domain(t.Context(), "guest")
		if has := err == nil && len(d.Running.Disks) == 1; has != (method == "DeleteVolume") {
			t.Errorf("%s fails: the guest has %+v", method, d.Running.Disks)
		}
	}
}

// TestVolumeTaken checks what a plan says about a replacement that only the user asks for, and about a destroy with force_destroy.
func TestVolumeTaken(t *testing.T) {
	h := newMemoryHost(t)
	c := newCore(t, h, "netboot_volume")
	c.must(seedOne)
	if err := guestOnSeed(true, true, "")(h); err != nil {
		t.Fatal(err)
	}
	if said := c.replace(seedOne).problems; !strings.Contains(said.String(), "Shut the guest down first") || !said.hasError() {
		t.Errorf("the plan of a replacement that a running guest without a note prevents says %v", said)
	}
	if err := h.SetNote(t.Context(), "guest", "{}"); err != nil {
		t.Fatal(err)
	}
	if problems := c.do(c.replace(seedOne)); problems.hasError() {
		t.Fatal(problems)
	}
	wantCalls(t, h, map[string]int{"UnplugVolume": 1, "PlugVolume": 1})
	forced := strings.Replace(seedOne, "{", `{"force_destroy": true, `, 1)
	c.must(forced)
	if _, said := c.planDestroy(); len(said) > 0 {
		t.Errorf("the plan of a destroy by force says %v", said)
	}
	destroys(t, c)
}
