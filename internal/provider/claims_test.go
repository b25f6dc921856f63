package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestTwoOfOne holds that two resources of one configuration for one object are refused by the plan, at the second.
func TestTwoOfOne(t *testing.T) {
	const (
		guest = `{"name": "one", "memory": "512MiB", "boot": ["disk"], "disks": [{"volume": "default/disk"}]}`
		other = `{"name": "two", "memory": "512MiB", "boot": ["network"], "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}]}`
	)
	for what, pair := range map[string]struct{ kind, one, two, says string }{
		"a volume":           {"netboot_volume", `{"name": "x", "capacity": "1GiB"}`, `{"name": "x", "capacity": "2GiB"}`, `Volume "default/x" is in this configuration twice`},
		"a network":          {"netboot_network", `{"name": "x", "mode": "isolated"}`, `{"name": "x", "mode": "isolated", "mtu": 1400}`, `Network "x" is in this configuration twice`},
		"a subnet":           {"netboot_network", `{"name": "x", "ipv4": {"address": "10.9.0.1/24"}}`, `{"name": "y", "ipv4": {"address": "10.9.0.129/25"}}`, `Subnet is in this configuration twice`},
		"a bridge":           {"netboot_network", `{"name": "x", "mode": "isolated", "bridge": "virbr9"}`, `{"name": "y", "mode": "isolated", "bridge": "virbr9"}`, `Bridge "virbr9" is in this configuration twice`},
		"a TFTP root":        {"netboot_tftp_root", `{"path": "/srv/a", "name": "x"}`, `{"path": "/srv/b", "name": "x"}`, `TFTP root "x" is in this configuration twice`},
		"a path":             {"netboot_tftp_root", `{"path": "/srv/a", "name": "x"}`, `{"path": "/srv/a", "name": "y"}`, `TFTP root "x" and TFTP root "y" both have it`},
		"a guest":            {"netboot_domain", guest, strings.Replace(other, "two", "one", 1), `Domain "one" is in this configuration twice`},
		"a disk":             {"netboot_domain", guest, strings.Replace(guest, "one", "two", 1), `Domain "one" and domain "two" both have it`},
		"a MAC address":      {"netboot_domain", other, strings.Replace(other, `"two"`, `"three"`, 1), `MAC address on network lab "52:54:00:00:00:01" is in this configuration twice`},
		"a disk by its path": {"netboot_domain", guest, strings.NewReplacer("one", "two", `"volume": "default/disk"`, `"path": "/var/lib/libvirt/images/disk", "format": "qcow2"`).Replace(guest), `Domain "one" and domain "two" both have it`},
		"a read disk":        {"netboot_domain", strings.Replace(guest, `disk"}`, `disk", "readonly": true}`, 1), strings.NewReplacer(`disk"}`, `disk", "readonly": true}`, "one", "two").Replace(guest), ""},
		"another network":    {"netboot_domain", other, strings.NewReplacer(`"two"`, `"three"`, `"lab"`, `"other"`).Replace(other), ""},
	} {
		run := newRun(t, newGuestHost(t))
		one, two := newCore(t, nil, pair.kind), newCore(t, nil, pair.kind)
		one.run(t.Context(), run)
		two.run(t.Context(), run)
		if first := one.plan(pair.one); first.problems.hasError() {
			t.Errorf("%s: the first is refused: %v", what, first.problems)
		}
		said := two.plan(pair.two).problems
		if said.hasError() != (pair.says != "") || !strings.Contains(said.String(), pair.says) {
			t.Errorf("%s: the second plan says %v, want %q", what, said, pair.says)
		}
	}
}

// TestRivals holds that a guest does not get what another guest of the host has, unless this run takes it from that.
func TestRivals(t *testing.T) {
	t.Parallel() // a plan waits for what this run plans for a rival
	const config = `{"name": "new", "memory": "512MiB", "boot": ["disk"], "disks": [{"volume": "default/disk"}], "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:01"}]}`
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	others := virt.Domain{Name: "others", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 1 << 29}
	for what, rival := range map[string]struct {
		change func(*virt.Domain)
		says   string
	}{
		"nothing": {func(*virt.Domain) {}, ""},
		"the disk": {func(d *virt.Domain) {
			d.Disks = []virt.Disk{{Path: "/var/lib/libvirt/images/disk", Format: "qcow2", Bus: "virtio"}}
		}, `Disk "default/disk" belongs to another guest`},
		"the disk, read": {func(d *virt.Domain) {
			d.Disks = []virt.Disk{{Path: "/var/lib/libvirt/images/disk", Format: "qcow2", Bus: "virtio", ReadOnly: true}}
		}, ""},
		"the MAC address": {func(d *virt.Domain) { d.Interfaces = []virt.Interface{{Network: "lab", MAC: "52:54:00:00:00:01"}} }, "belongs to another guest"},
	} {
		d := others
		rival.change(&d)
		if err := h.CreateDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if said := c.plan(config).problems; said.hasError() != (rival.says != "") || !strings.Contains(said.String(), rival.says) {
			t.Errorf("%s: the plan says %v, want %q", what, said, rival.says)
		}
		if err := h.DeleteDomain(t.Context(), "others"); err != nil {
			t.Fatal(err)
		}
	}
	c.must(config)

	// The disk goes from one guest of the configuration to another.
	run, to := newRun(t, h), newCore(t, h, "netboot_domain")
	c.run(t.Context(), run)
	to.run(t.Context(), run)
	if said := c.plan(`{"name": "new", "memory": "512MiB", "boot": ["network"], "interfaces": [{"network": "lab", "mac": "52:54:00:00:00:02"}]}`).problems; said.hasError() {
		t.Error(said)
	}
	if said := to.plan(strings.Replace(config, "new", "next", 1)).problems; said.hasError() {
		t.Error(said)
	}
}

// TestImportedSaysWhatGoes holds that the plan of a destroy says of what was imported, and of that alone, what it takes away.
func TestImportedSaysWhatGoes(t *testing.T) {
	h := newGuestHost(t)
	if err := h.CreateDomain(t.Context(), virt.Domain{Name: "guest", Arch: "s390x", Accelerator: "tcg", VCPUs: 1, Memory: 1 << 29, Boot: []string{"network"}}); err != nil {
		t.Fatal(err)
	}
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	for kind, imported := range map[string]struct{ id, takes string }{
		"netboot_volume":    {"default/disk", "deletes its file"},
		"netboot_network":   {"lab", "removes its definition"},
		"netboot_domain":    {"guest", "its disks stay"},
		"netboot_tftp_root": {"srv-tftp", "the directories and their files stay"},
	} {
		c := newCore(t, h, kind)
		c.imports(imported.id)
		if _, said := c.planDestroy(); !strings.Contains(said.String(), imported.takes) || !strings.Contains(said.String(), "destroy = false") {
			t.Errorf("%s: the plan says %v", kind, said)
		}
	}
	c := newCore(t, h, "netboot_volume")
	c.must(`{"name": "own", "capacity": "1GiB"}`)
	if _, said := c.planDestroy(); len(said) > 0 {
		t.Errorf("the plan of a destroy of a volume of its own says %v", said)
	}
}

// TestSubnetInUse holds that a new network does not get a part of the subnet of a network that runs, unless this run takes it
// from that, and hands out no address of the host's own.
func TestSubnetInUse(t *testing.T) {
	t.Parallel()         // a plan waits for what this run plans for the other network
	h := newGuestHost(t) // with "lab", 192.168.150.1/24
	half := `{"name": "half", "ipv4": {"address": "192.168.150.129/25"}}`
	c := newCore(t, h, "netboot_network")
	if said := c.plan(half).problems; !strings.Contains(said.String(), `overlaps with network "lab"`) {
		t.Errorf("the plan says %v", said)
	}
	own := `{"name": "own", "ipv4": {"address": "10.9.0.1/24", "dhcp": {"ranges": [{"start": "10.9.0.1", "end": "10.9.0.9"}]}}}`
	if said := c.plan(own).problems; !strings.Contains(said.String(), "10.9.0.1 to 10.9.0.9 contains 10.9.0.1, the host's own address") {
		t.Errorf("the plan says %v", said)
	}
	run, lab := newRun(t, h), newCore(t, h, "netboot_network")
	lab.imports("lab")
	lab.run(t.Context(), run)
	c.run(t.Context(), run)
	lab.planDestroy()
	if said := c.plan(half).problems; said.hasError() {
		t.Errorf("with the other network gone, the plan says %v", said)
	}
}

// TestImageInUse holds that the plan of a destroy names the guests and pxelinux configurations that boot an image and stay.
func TestImageInUse(t *testing.T) {
	t.Parallel() // a plan waits for what this run plans for them
	h := newGuestHost(t)
	newCore(t, h, "netboot_tftp_root").must(`{"path": "/srv/tftp"}`)
	c := newCore(t, h, "netboot_image")
	c.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "name": "linux", "kernel": {"source": %q}}`, writeFile(t, string(oldKernel))))
	guest, config := newCore(t, h, "netboot_domain"), newCore(t, h, "netboot_pxelinux_config")
	guest.must(`{"name": "guest", "memory": "512MiB", "kernel": {"image": "srv-tftp/linux"}}`)
	files, err := h.VolumeNames(t.Context(), "srv-tftp")
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	config.must(fmt.Sprintf(`{"tftp_root": "srv-tftp", "content": "default x\nlabel x\n  kernel %[1]s\n  append quiet\n  initrd %[1]s\n"}`, files[0]))
	_, said := c.planDestroy()
	for _, text := range []string{`Guest "guest" boots it`, `pxelinux configuration "default" names linux-kernel-`, "do not start"} {
		if !strings.Contains(strings.ToLower(said.String()), strings.ToLower(text)) {
			t.Errorf("the plan says %v, want %q", said, text)
		}
	}
	run := newRun(t, h)
	for _, resource := range []*core{guest, config, c} {
		resource.run(t.Context(), run)
		if _, said := resource.planDestroy(); len(said) > 0 {
			t.Errorf("with all of it going, the plan of %s says %v", resource.kind, said)
		}
	}
}
