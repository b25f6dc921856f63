package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// withMembers is a guest that does not run, with further members.
func withMembers(members string) string {
	return fmt.Sprintf(`{"name": "guest", "memory": "512MiB", "running": false, %s}`, members)
}

// TestDomainBridgeIsThere holds that a plan asks for the bridge of an interface, once a run, and only for a new one.
func TestDomainBridgeIsThere(t *testing.T) {
	h := virttest.New()
	h.Interfaces(map[string]bool{"br0": true, "eth0": false})
	c := newCore(t, h, "netboot_domain")
	const both = `"interfaces": [{"bridge": "br0", "mac": "52:54:00:00:00:01"}, {"bridge": "br0", "mac": "52:54:00:00:00:02"}]`
	c.must(withMembers(both))
	c.must(withMembers(both + `, "autostart": true`))
	if asked := h.Calls("CheckBridge"); asked != 1 {
		t.Errorf("the host was asked %d times for one bridge", asked)
	}
	for name, want := range map[string][]string{
		"eth0": {"ERROR", "Not a bridge", `"eth0"`, "set device instead of bridge"},
		"br1":  {"WARNING", "Bridge does not exist", `"br1"`, "until the bridge exists"},
	} {
		said := c.plan(withMembers(fmt.Sprintf(`"interfaces": [{"bridge": %q}]`, name))).problems.String()
		for _, text := range want {
			if !strings.Contains(said, text) {
				t.Errorf("on %s: %s, want %q", name, said, text)
			}
		}
	}
}

// TestDomainPlacesAreChecked holds that a device is in one place, which can be read.
func TestDomainPlacesAreChecked(t *testing.T) {
	for members, want := range map[string]string{
		`"interfaces": [{"network": "lab", "device": "eth0"}]`: "Set exactly one of network, bridge, device and pci",
		`"interfaces": [{}]`:                                                                               "Set exactly one of network, bridge, device and pci",
		`"interfaces": [{"pci": "1:0"}]`:                                                                   "in the format of lspci -D",
		`"interfaces": [{"bridge": "br0", "macvtap": "private"}]`:                                          "device",
		`"interfaces": [{"bridge": "br0", "portgroup": "x"}]`:                                              "network",
		`"disks": [{"volume": "default/a", "path": "/dev/dasda"}]`:                                         "Set exactly one of volume, path and url",
		`"disks": [{"path": "/dev/dasda"}, {"path": "/dev/dasda"}]`:                                        `Another disk of this guest has the same path, "/dev/dasda"`,
		`"disks": [{"path": "dasda"}]`:                                                                     "is not an absolute path",
		`"disks": [{"url": "smb://server/a"}]`:                                                             `"smb" is not a protocol for network storage`,
		`"disks": [{"volume": "/dev/dasda"}], "boot": ["disk"]`:                                            "set path instead",
		`"hostdevs": [{"mdev": "x", "model": "vfio-ccw"}]`:                                                 "is not a UUID",
		`"hostdevs": [{"pci": "0000:01:00.1"}, {"pci": "0000:01:00.1"}]`:                                   "is the same device",
		`"hostdevs": [{}]`:                                                                                 "Set either mdev or pci",
		`"cdroms": [{"volume": "default/a", "path": "/a.iso"}]`:                                            "volume",
		`"kernel": {"image": "srv/a", "file": "/a"}`:                                                       "Set either image or file",
		`"kernel": {"cmdline": "quiet"}`:                                                                   "Set either image or file",
		`"devices_xml": {"a b": "<rng/>"}`:                                                                 "is not a name of up to 127",
		`"devices_xml": {"a": "<rng>"}`:                                                                    "syntax error",
		`"devices_xml": {"a": "<rng/><rng/>"}`:                                                             "2 elements",
		`"devices_xml": {"a": "<rng><alias name='ua-x'/></rng>"}`:                                          "it has an alias; remove it",
		`"devices_xml": {"a": "<interface type='bridge'><source bridge='br0'/></interface>"}`:              "has attributes for <interface>",
		`"devices_xml": {"a": "<disk type='block' device='disk'><source dev='/dev/dasda'/></disk>"}`:       "has attributes for <disk>",
		`"launch_security": "s390-pv"`:                                                                     "cannot boot from the network",
		`"launch_security": "s390-pv", "kernel": {"file": "/k"}, "memory_balloon": true`:                   "memory_balloon = false",
		`"launch_security": "s390-pv", "kernel": {"file": "/k"}, "arch": "x86_64", "consoles": ["serial"]`: "Only s390x guests",
		`"boot": [], "disks": [{"path": "/dev/dasda"}]`:                                                    "Only an imported guest",
	} {
		c := newCore(t, virttest.New(), "netboot_domain")
		if said := c.apply(withMembers(members)); !said.hasError() || !strings.Contains(said.String(), want) {
			t.Errorf("%s: %v, want %q", members, said, want)
		}
	}
}

// TestDomainKeepsItsDevices holds that what a configuration does not say of an imported guest's devices stays, and that an
// empty list or map takes it away.
func TestDomainKeepsItsDevices(t *testing.T) {
	h := virttest.New()
	made := virt.Domain{
		Name: "guest", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 512 << 20, IOThreads: 1, RNG: true, NoBalloon: true,
		CDROMs:   []virt.Disk{{Bus: "scsi"}},
		Hostdevs: []virt.Hostdev{{Mdev: "669d9b23-fe1b-4ecb-be08-a2fabca99b71", Model: "vfio-ap"}},
		Devices:  map[string]string{"dog": "<watchdog model='diag288'/>"},
		Others:   []string{"tpm (tpm-crb)"},
	}
	if err := h.CreateDomain(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_domain")
	c.imports("guest")
	c.mustBeDone(withMembers(`"boot": []`))
	c.must(withMembers(`"boot": [], "autostart": true`))
	d, err := h.Domain(t.Context(), "guest")
	if err != nil || d.IOThreads != 1 || !d.RNG || !d.NoBalloon || len(d.CDROMs) != 1 || len(d.Hostdevs) != 1 || len(d.Devices) != 1 {
		t.Errorf("the guest became %+v, %v", d, err)
	}
	c.must(withMembers(`"boot": [], "iothreads": 0, "rng": false, "memory_balloon": true, "cdroms": [], "hostdevs": [], "devices_xml": {}`))
	d, err = h.Domain(t.Context(), "guest")
	if err != nil || d.IOThreads != 0 || d.RNG || d.NoBalloon || len(d.CDROMs) != 0 || len(d.Hostdevs) != 0 || len(d.Devices) != 0 {
		t.Errorf("the guest became %+v, %v", d, err)
	}
}
