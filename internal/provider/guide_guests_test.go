package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// guideGuest has every attribute of which guideGuestChanges changes the value. Its firmware waits for a
// DHCP server that the network does not have.
const guideGuest = `{"name": "guide", "arch": "s390x", "machine": "s390-ccw-virtio-7.2", "accelerator": "auto", "cpu": "qemu",
	"vcpus": 2, "max_vcpus": 4, "memory": "512MiB", "max_memory": "1GiB", "autostart": false, "shutdown_timeout": "1ms",
	"boot": ["network"], "loadparm": "1", "consoles": ["sclp"], "guest_agent": false, "addresses_from": "lease",
	"disks": [` + guideDisk + `], "cdroms": [{}], "rng": false, "devices_xml": {},
	"interfaces": [` + guideFirstNIC + `, ` + guideNIC + `]}`

const (
	guideDisk     = `{"volume": "guide/one", "serial": "ONE", "readonly": false, "cache": "none", "discard": "unmap", "io": "native", "boot": true}`
	guideFirstNIC = `{"network": "guide-a", "mac": "52:54:00:aa:bb:01"}`
	guideNIC      = `{"network": "guide-a", "mac": "52:54:00:aa:bb:02", "mtu": 1400, "link": "up", "boot": true}`
)

// guideGuestChanges are changes of one attribute each: what is written in the guest, and what then.
var guideGuestChanges = []struct{ attributes, old, with string }{
	{"`vcpus`: more, up to `max_vcpus`", `"vcpus": 2`, `"vcpus": 3`},
	{"`vcpus`: fewer", `"vcpus": 2`, `"vcpus": 1`},
	{"`vcpus` if `max_vcpus` is not set", `"vcpus": 2, "max_vcpus": 4`, `"vcpus": 5`},
	{"`max_vcpus`", `"max_vcpus": 4`, `"max_vcpus": 5`},
	{"`memory` up to `max_memory`", `"512MiB"`, `"768MiB"`},
	{"`memory` if `max_memory` is not set", `"512MiB", "max_memory": "1GiB"`, `"2GiB"`},
	{"`max_memory`", `"1GiB"`, `"2GiB"`},
	{"`disks`: added", guideDisk, guideDisk + `, {"volume": "guide/two"}`},
	{"`disks`: removed", guideDisk, ``},
	{"`disks`: another `volume`", `guide/one`, `guide/two`},
	{"`disks`: `path` instead of `volume`, for the same file", `"volume": "guide/one"`, `"path": "/srv/guide-guests/one"`},
	{"`disks`, `interfaces`: another order", guideFirstNIC + `, ` + guideNIC, guideNIC + `, ` + guideFirstNIC},
	{"`disks`: `bus`", `"serial": "ONE"`, `"serial": "ONE", "bus": "scsi"`},
	{"`disks`: `serial`", `"ONE"`, `"TWO"`},
	{"`disks`: `readonly`", `"readonly": false`, `"readonly": true`},
	{"`disks`: `cache`, `discard`, `io`, `iothread`, `queues`, `error_policy`, `shareable`", `"discard": "unmap"`, `"discard": "ignore"`},
	{"`cdroms`: the medium in a drive", `"cdroms": [{}]`, `"cdroms": [{"volume": "guide/two"}]`},
	{"`cdroms`: added, removed", `"cdroms": [{}]`, `"cdroms": [{}, {}]`},
	{"`interfaces`: added", guideNIC, guideNIC + `, {"network": "guide-b"}`},
	{"`interfaces`: removed", `, ` + guideNIC, ``},
	{"`interfaces`: `network`, `bridge`", `"network": "guide-a", "mac": "52:54:00:aa:bb:02"`, `"network": "guide-b", "mac": "52:54:00:aa:bb:02"`},
	{"`interfaces`: `link`", `"link": "up"`, `"link": "down"`},
	{"`interfaces`: `mac`", `aa:bb:02`, `aa:bb:03`},
	{"`interfaces`: `mtu`, `model`, `vlan`, `queues`, `portgroup`, `trust_guest_rx_filters`", `1400`, `1300`},
	{"`boot`, also of `disks` and `interfaces`", `"link": "up", "boot": true`, `"link": "up", "boot": false`},
	{"`loadparm`", `"loadparm": "1"`, `"loadparm": "2"`},
	{"`kernel`", `"loadparm": "1"`, `"loadparm": "1", "kernel": {"image": "guide/linux"}`},
	{"`machine`", `virtio-7.2`, `virtio-7.1`},
	{"`accelerator`: from `auto` to what it chooses on the host", `"auto"`, `"tcg"`},
	{"`cpu`", `"qemu"`, `"max"`},
	{"`cpu_features`", `"cpu": "qemu"`, `"cpu": "qemu", "cpu_features": {"vx": "disable"}`},
	{"`cpu_topology`", `"cpu": "qemu"`, `"cpu": "qemu", "cpu_topology": {"cores": 4}`},
	{"`consoles`", `["sclp"]`, `["sclp", "virtio"]`},
	{"`filesystems`, `memory_backing`, `iothreads`, `rng`, `memory_balloon`, `launch_security`", `"rng": false`, `"rng": true`},
	{"`devices_xml`: a device added that libvirt can attach to a running guest", `"devices_xml": {}`, `"devices_xml": {"entropy": "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"}`},
	{"`devices_xml`: any other device added", `"devices_xml": {}`, `"devices_xml": {"scsi": "<controller type='scsi' index='5' model='virtio-scsi'/>"}`},
	{"`guest_agent`", `"guest_agent": false`, `"guest_agent": true`},
	{"`autostart`", `"autostart": false`, `"autostart": true`},
	{"`addresses_from`, `shutdown_timeout`", `"lease"`, `"arp"`},
	{"`boot_check`, `wait_for`, `pxelinux_config`, `grub_config`", `"loadparm": "1"`, `"loadparm": "1", "boot_check": {"expect": ["x"]}`},
	{"`name`, `arch`", `"guide", "arch"`, `"guide2", "arch"`},
}

// TestGuideGuests holds that the guide "Guests that change" says how each change of a guest is made, as
// it is seen on the real libvirtd.
func TestGuideGuests(t *testing.T) {
	host, err := virt.Open(lab.Shared(t).URI)
	if err != nil {
		t.Fatal(err)
	}
	for kind, configs := range guideSurroundings(t) {
		for _, config := range configs {
			c := newCore(t, host, kind)
			c.must(config)
			defer destroys(t, c)
		}
	}
	c := newCore(t, host, "netboot_domain")
	defer destroys(t, c)
	var table strings.Builder
	table.WriteString("\n| Change of | Effect on a running guest |\n|---|---|\n")
	for _, change := range guideGuestChanges {
		changed := strings.Replace(guideGuest, change.old, change.with, 1)
		changed = strings.Replace(changed, "\n\t\"disks\": [],", "", 1)
		if changed == guideGuest {
			t.Fatalf("%s: nothing changes", change.attributes)
		}
		fmt.Fprintf(&table, "| %s | %s |\n", change.attributes, guideGuestWay(t, host, c, changed))
	}
	docs.CheckTables(t, "guests", "provider", table.String()+"\n")
}

// guideSurroundings are what the guest needs: networks, disks, and an image.
func guideSurroundings(t *testing.T) map[string][]string {
	lab.Need(t)
	makeDir(t, "/srv/guide-guests", 0o755)
	define(t, "pool-define", `<pool type='dir'><name>guide</name><target><path>/srv/guide-guests</path></target></pool>`, "pool-undefine", "guide")
	virsh(t, "pool-start", "guide")
	t.Cleanup(func() { virsh(t, "pool-destroy", "guide") })
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]string{
		"netboot_network": {`{"name": "guide-a", "mode": "isolated"}`, `{"name": "guide-b", "mode": "isolated"}`},
		"netboot_volume": {
			`{"name": "one", "pool": "guide", "capacity": "1MiB", "format": "raw"}`,
			`{"name": "two", "pool": "guide", "capacity": "1MiB", "format": "raw"}`,
		},
		"netboot_image": {fmt.Sprintf(`{"tftp_root": "guide", "name": "linux", "kernel": {"source": %q}}`, kernel)},
	}
}

// guideGuestWay is how the guest gets from guideGuest to another configuration, which has to be as the
// plan says.
func guideGuestWay(t *testing.T, h *virt.Host, c *core, changed string) string {
	t.Helper()
	if d, err := h.Domain(t.Context(), "guide"); err == nil && d.State == virt.Running {
		virsh(t, "destroy", "guide") // a firmware takes 8 s to let go of what the last change gave it
	}
	c.must(guideGuest)
	plan := c.plan(changed)
	if plan.replaces {
		return "replaced"
	}
	before := virsh(t, "domid", "guide")
	if problems := c.apply(changed); problems.hasError() {
		t.Fatalf("apply of %s: %v", changed, problems)
	}
	same := virsh(t, "domid", "guide") == before
	said := plan.problems.String()
	switch {
	case strings.Contains(said, "will be restarted") && !same:
		return "restart"
	case strings.Contains(said, "changed while it runs") && same:
		return "live"
	case said == "" && same:
		return "definition"
	default:
		t.Fatalf("for %s the plan said %q, and the guest is the same: %v", changed, said, same)
		return ""
	}
}
