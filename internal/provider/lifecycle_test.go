package provider

import (
	"context"
	"errors"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// These tests run on the host in memory: without libvirtd, and with faults that a real one has only
// at a bad moment.

const (
	memoryVolume  = `{"name": "disk", "capacity": "1GiB"}`
	memoryNetwork = `{"name": "lab", "tftp_root": "/srv/tftp", "ipv4": {"address": "192.168.150.1/24", "dhcp": {"ranges": [{"start": "192.168.150.10", "end": "192.168.150.20"}]}}}`
	memoryDomain  = `{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], "disks": [{"volume": "default/disk"}], "pxelinux_config": "srv-tftp/default",
		"boot_check": {"expect": ["LOADPARM"], "forbid": ["panic"]}}`
)

// newMemoryHost is a host with what the domain of these tests needs.
func newMemoryHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := virttest.New()
	if err := h.Disk().Mkdir("/srv/tftp", 0o755); err != nil {
		t.Fatal(err)
	}
	return h
}

// newGuestHost also has what memoryVolume and memoryNetwork say, for memoryDomain: made without the provider,
// as so many tests begin with it.
func newGuestHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := newMemoryHost(t)
	_, _, errPool := h.CreatePool(t.Context(), "default", "/var/lib/libvirt/images")
	errVolume := h.CreateVolume(t.Context(), virt.Volume{Pool: "default", Name: "disk", Format: "qcow2", Compat: "1.1", Capacity: 1 << 30})
	errNetwork := h.CreateNetwork(t.Context(), virt.Network{
		Name: "lab", Mode: virt.ModeNAT, TFTPRoot: "/srv/tftp", Autostart: true, Active: true,
		IPv4: &virt.IP{
			Address: netip.MustParsePrefix("192.168.150.1/24"),
			DHCP:    &virt.DHCP{Ranges: []virt.Range{{Start: "192.168.150.10", End: "192.168.150.20"}}},
		},
	})
	if err := errors.Join(errPool, errVolume, errNetwork); err != nil {
		t.Fatal(err)
	}
	return h
}

// TestGuestHost holds that newGuestHost is what the provider would make of its configurations.
func TestGuestHost(t *testing.T) {
	h, made := newGuestHost(t), newMemoryHost(t)
	newCore(t, made, "netboot_volume").must(memoryVolume)
	newCore(t, made, "netboot_network").must(memoryNetwork)
	look := func(h *virttest.Host) string {
		pool, errPool := h.Pool(t.Context(), "default")
		volume, errVolume := h.Volume(t.Context(), "default", "disk")
		network, errNetwork := h.Network(t.Context(), "lab")
		if err := errors.Join(errPool, errVolume, errNetwork); err != nil {
			t.Fatal(err)
		}
		pool.UUID, volume.ModTime, network.UUID = "", time.Time{}, ""
		return toJSON(t, []any{pool, volume, network})
	}
	if got, want := look(h), look(made); got != want {
		t.Errorf("it has %s\nand the provider makes %s", got, want)
	}
}

func TestLifecycleVolume(t *testing.T) {
	h := newMemoryHost(t)
	c := newCore(t, h, "netboot_volume")
	c.must(memoryVolume)
	c.mustBeDone(strings.ReplaceAll(memoryVolume, "1GiB", "1024MiB"))
	c.must(strings.ReplaceAll(memoryVolume, "1GiB", "2GiB"))
	if v, err := h.Volume(t.Context(), "default", "disk"); err != nil || v.Capacity != 2<<30 {
		t.Errorf("the host has %+v (%v)", v, err)
	}
	if problems := c.apply(memoryVolume); !strings.Contains(problems.String(), "Unable to shrink") {
		t.Errorf("to shrink it: %v", problems)
	}
	if err := h.DeleteVolume(t.Context(), "default", "disk"); err != nil {
		t.Fatal(err)
	}
	c.must(memoryVolume)
	c.imports("default/disk")
	c.mustBeDone(memoryVolume)
	destroys(t, c)
	if _, err := h.Volume(t.Context(), "default", "disk"); !errors.Is(err, virt.ErrNotFound) {
		t.Errorf("after destroy: %v", err)
	}
}

// busyPool is a host that does not delete one of its pools.
type busyPool struct {
	*virttest.Host
	name string
}

func (b *busyPool) DeletePool(ctx context.Context, name string, removeDirectory bool) error {
	if name == b.name {
		return errors.New("the pool is busy")
	}
	return b.Host.DeletePool(ctx, name, removeDirectory)
}

// TestLifecycleTFTPRootHalfDestroyed holds that a destroy which fails in the middle keeps what the next one
// needs to remove both directories.
func TestLifecycleTFTPRootHalfDestroyed(t *testing.T) {
	for _, pool := range []string{"srv-boot", "srv-boot-pxelinux.cfg"} {
		h := &busyPool{virttest.New(), pool}
		c := newCore(t, h, "netboot_tftp_root")
		c.must(`{"path": "/srv/boot"}`)
		if problems := c.destroy(); !strings.Contains(problems.String(), "Unable to delete TFTP root") {
			t.Errorf("destroy: %v", problems)
		}
		h.name = ""
		destroys(t, c)
		if _, err := h.Disk().Stat("/srv/boot"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the directory is left where %s was busy: %v", pool, err)
		}
	}
}

// TestLifecycleBackingUnread holds that an overlay whose backing cannot be looked up for a moment is an
// error and no drift, which would replace the overlay.
func TestLifecycleBackingUnread(t *testing.T) {
	h := newMemoryHost(t)
	newCore(t, h, "netboot_volume").must(memoryVolume)
	overlay := `{"name": "overlay", "backing": {"volume": "default/disk"}}`
	c := newCore(t, h, "netboot_volume")
	c.must(overlay)
	h.Fail("VolumeAt", errors.New("connection lost"))
	if problems := c.refresh(); !strings.Contains(problems.String(), "Unable to read volume") {
		t.Errorf("refresh: %v", problems)
	}
	h.Fail("VolumeAt", nil)
	c.mustBeDone(overlay)
}

func TestLifecycleNetwork(t *testing.T) {
	h := newGuestHost(t)
	newCore(t, h, "netboot_domain").must(memoryDomain)
	c := newCore(t, h, "netboot_network")
	c.imports("lab")
	c.mustBeDone(memoryNetwork)

	changed := strings.ReplaceAll(memoryNetwork, "150.20", "150.30")
	c.must(changed)
	if n, err := h.Network(t.Context(), "lab"); err != nil || n.IPv4.DHCP.Ranges[0].End != "192.168.150.30" {
		t.Errorf("the host has %+v (%v)", n, err)
	}
	if problems := c.destroy(); !strings.Contains(problems.String(), "Running guests use it") {
		t.Errorf("destroy under a guest: %v", problems)
	}
	c.must(strings.Replace(changed, "{", `{"force_destroy": true, `, 1))
	destroys(t, c)
	c.must(changed)
	if err := h.DeleteNetwork(t.Context(), "lab"); err != nil {
		t.Fatal(err)
	}
	c.must(changed)
}

// TestImportByUUID imports what has a UUID by that, on the default host and on one with a name.
func TestImportByUUID(t *testing.T) {
	h := newGuestHost(t)
	newCore(t, h, "netboot_domain").must(memoryDomain)
	n, err := h.Network(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	for kind, id := range map[string]string{"netboot_domain": runningGuest(t, h).UUID, "netboot_network": n.UUID} {
		c := newCore(t, h, kind)
		c.imports(id)
		c.mustBeDone(map[string]string{"netboot_domain": memoryDomain, "netboot_network": memoryNetwork}[kind])
		h.Fail(map[string]string{"netboot_domain": "DomainName", "netboot_network": "NetworkName"}[kind], errors.New("the host refuses"))
		resp, err := c.server.ImportResourceState(c.ctx, &tfprotov6.ImportResourceStateRequest{TypeName: kind, ID: id})
		if err != nil || !strings.Contains(problems(resp.Diagnostics).String(), "The host refuses") {
			t.Errorf("%s: where the look-up fails: %v, %v", kind, err, problems(resp.Diagnostics))
		}
	}
}

// TestLifecycleAccelerator holds that a guest whose accelerator is written otherwise after an import, which cannot know how
// it is written, does not start again for it.
func TestLifecycleAccelerator(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	written := strings.Replace(memoryDomain, "{", `{"accelerator": "tcg", `, 1)
	c.must(written)
	c.imports("guest")
	if said := c.plan(written).problems.String(); strings.Contains(said, "restarted") {
		t.Errorf("the plan says %s", said)
	}
	stops := h.Calls("ShutDownDomain")
	c.must(written)
	c.mustBeDone(written)
	if h.Calls("ShutDownDomain") != stops {
		t.Error("the guest was stopped")
	}
	destroys(t, c)
}

// TestLifecycleSpareVCPU holds that an emulated guest with one virtual CPU, which would lose interrupts, can have a second one, and that
// this changes nothing that the user wrote and no guest that exists.
func TestLifecycleSpareVCPU(t *testing.T) {
	for attributes, most := range map[string]uint{
		``:                                    2,
		`"accelerator": "tcg", `:              2,
		`"vcpus": 2, `:                        2,
		`"vcpus": 3, `:                        3,
		`"max_vcpus": 1, `:                    1,
		`"cpu_topology": {"sockets": 1}, `:    1,
		`"arch": "x86_64", "machine": "pc", `: 1,
	} {
		h := newGuestHost(t)
		c := newCore(t, h, "netboot_domain")
		config := strings.Replace(memoryDomain, "{", "{"+attributes, 1)
		c.must(config)
		c.mustBeDone(config)
		if got := runningGuest(t, h).MaxVCPUs; got != most {
			t.Errorf("with %s the guest can have %d virtual CPUs, want %d", attributes, got, most)
		}
		destroys(t, c)
	}

	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(strings.Replace(memoryDomain, "{", `{"max_vcpus": 1, `, 1))
	if said := c.plan(memoryDomain).problems.String(); strings.Contains(said, "restarted") {
		t.Errorf("for a guest that exists, the plan says %s", said)
	}
	c.mustBeDone(memoryDomain)
}

func TestLifecycleDomain(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	c.imports("guest")
	c.mustBeDone(memoryDomain)
	first := runningGuest(t, h)

	changed := strings.ReplaceAll(memoryDomain, "512MiB", "1GiB")
	if plan := c.plan(changed); !strings.Contains(plan.problems.String(), `Domain "guest" will be restarted`) {
		t.Errorf("the plan does not warn of the restart: %v", plan.problems)
	}
	c.must(changed)
	now := runningGuest(t, h)
	if now.Memory != 1<<30 || now.UUID != first.UUID || now.Interfaces[0].MAC != netboot.DerivedMAC("guest", 0) {
		t.Errorf("the host has %+v", now)
	}

	// With a network that is not there it does not start, and gets its old definition back.
	nowhere := strings.NewReplacer(`"lab"`, `"none"`, "1GiB", "2GiB").Replace(changed)
	if problems := c.apply(nowhere); !strings.Contains(problems.String(), "the old definition was restored, and the guest runs with it again") {
		t.Errorf("apply: %v", problems)
	}
	if now := runningGuest(t, h); now.Interfaces[0].Network != "lab" {
		t.Errorf("the host has %+v", now)
	}
	c.mustBeDone(changed)
	// Nor does it change to it while it runs.
	if problems := c.apply(strings.ReplaceAll(changed, `"lab"`, `"none"`)); !strings.Contains(problems.String(), `Unable to update domain "guest"`) {
		t.Errorf("apply: %v", problems)
	}
	c.mustBeDone(changed)

	c.mustBeDone(strings.ReplaceAll(changed, "1GiB", "1024MiB"))

	// What happens on the host between a plan and its apply is for the next plan.
	plan := c.plan(strings.ReplaceAll(changed, `"guest",`, `"guest", "autostart": true,`))
	h.Lease("guest", netip.MustParseAddr("192.168.150.10"))
	if problems := c.do(plan); len(problems) > 0 {
		t.Errorf("apply: %v", problems)
	}

	h.EndDomain("guest")
	c.must(changed)
	runningGuest(t, h)
	destroys(t, c)
	if _, err := h.Domain(t.Context(), "guest"); !errors.Is(err, virt.ErrNotFound) {
		t.Errorf("after destroy: %v", err)
	}
}

// TestLifecycleFailedBoot holds that a failed boot is tried again by the next apply, although nothing
// changes and the guest runs.
func TestLifecycleFailedBoot(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	h.EndDomain("guest")
	for range 2 {
		h.Script("guest", "panic\n", false)
		if problems := c.apply(memoryDomain); !strings.Contains(problems.String(), `The console showed "panic", which is forbidden`) {
			t.Errorf("apply: %v", problems)
		}
		if c.tainted {
			t.Error("a guest that is not new is tainted")
		}
	}
	h.Script("guest", "LOADPARM=[        ]\n", false)
	boots := h.Calls("BootDomain")
	c.must(memoryDomain)
	if h.Calls("BootDomain") != boots+1 {
		t.Error("the guest is not booted again")
	}
	runningGuest(t, h)
}

func runningGuest(t *testing.T, h *virttest.Host) virt.Domain {
	t.Helper()
	d, err := h.Domain(t.Context(), "guest")
	if err != nil || d.State != virt.Running {
		t.Fatalf("the guest is %+v (%v)", d, err)
	}
	return d
}

func destroys(t *testing.T, c *core) {
	t.Helper()
	if problems := c.destroy(); problems.hasError() || !c.state.IsNull() {
		t.Fatalf("destroy: %v", problems)
	}
}

// TestLifecycleFaults lets each call of an operation fail in turn, as when the connection is lost. The
// state must be true after that: the next apply gets to what is wanted, and destroy leaves nothing.
func TestLifecycleFaults(t *testing.T) {
	for _, test := range []struct {
		kind, before, after string
		host                func(*testing.T) *virttest.Host
		methods             []string
	}{
		{"netboot_volume", memoryVolume, strings.ReplaceAll(memoryVolume, "1GiB", "2GiB"), newMemoryHost,
			[]string{"Pool", "CreatePool", "Volume", "CreateVolume", "ResizeVolume"}},
		{"netboot_network", memoryNetwork, strings.ReplaceAll(memoryNetwork, "150.20", "150.30"), newMemoryHost,
			[]string{"Network", "NetworkGuests", "CreateNetwork", "UpdateNetwork"}},
		{"netboot_domain", memoryDomain, strings.ReplaceAll(memoryDomain, "512MiB", "1GiB"), newGuestHost,
			[]string{"Domain", "Capabilities", "Volume", "VolumeAt", "Addresses", "CreateDomain", "RedefineDomain", "BootDomain", "SetNote", "ShutDownDomain"}},
		{"netboot_domain", memoryDomain, strings.ReplaceAll(memoryDomain, `"lab"}`, `"lab", "link": "down"}`), newGuestHost,
			[]string{"Domain", "Volume", "RedefineDomain", "UpdateRunningDomain"}},
	} {
		t.Run(test.kind, func(t *testing.T) {
			for _, method := range test.methods {
				t.Run(method, func(t *testing.T) {
					failsInTurn(t, test.host, test.kind, method, test.before, test.after)
				})
			}
		})
	}
}

// failsInTurn lets the first call of a method fail while configurations are applied one after the
// other, then the second, until none is left.
func failsInTurn(t *testing.T, newHost func(*testing.T) *virttest.Host, kind, method string, configs ...string) {
	t.Helper()
	for spare := 0; ; spare++ {
		h := newHost(t)
		c := newCore(t, h, kind)
		h.FailAfter(method, spare, errors.New("connection lost"))
		failed := slices.ContainsFunc(configs, func(config string) bool { return recovers(t, c, h, method, config) })
		h.Fail(method, nil)
		destroys(t, c)
		if !failed {
			if spare == 0 {
				t.Errorf("%s is never called", method)
			}
			return
		}
	}
}

// recovers applies a configuration, again where that failed, and tells whether it did.
func recovers(t *testing.T, c *core, h *virttest.Host, method, config string) bool {
	t.Helper()
	problems := c.apply(config)
	if !problems.hasError() {
		return false
	}
	if !strings.Contains(strings.ToLower(problems.String()), "connection lost") {
		t.Errorf("the cause is not named: %v", problems)
	}
	h.Fail(method, nil)
	c.must(config)
	return true
}
