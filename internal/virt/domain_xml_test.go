package virt

import (
	"os"
	"reflect"
	"slices"
	"testing"

	"libvirt.org/go/libvirtxml"
)

func fullDomain() Domain {
	return Domain{
		Name: "guest", Arch: "s390x", Machine: "s390-ccw-virtio", Accelerator: "tcg", CPU: "max", VCPUs: 2, MaxVCPUs: 8, Memory: 2 << 30, MaxMemory: 4 << 30,
		Topology: Topology{2, 4, 1}, Loadparm: "LINUX", Consoles: []string{"sclp", "virtio"}, GuestAgent: true,
		Kernel: Kernel{"/srv/kernel", "/srv/initrd", "a <b> & 'c'"},
		Boot:   []string{BootNetwork, BootDisk},
		Disks: []Disk{
			{Path: "/images/one.qcow2", Format: "qcow2", Bus: "virtio", Serial: "disk-1"},
			{Path: "/images/two.img", Format: "raw", Bus: "scsi", ReadOnly: true, Cache: "none", Discard: "unmap", IO: "native", NoBoot: true},
		},
		Interfaces: []Interface{
			{Network: "lab", MAC: "52:54:00:00:00:01", Model: "virtio", NoBoot: true},
			{Bridge: "br0", MAC: "52:54:00:00:00:02", Model: "virtio", MTU: 1400, VLAN: 42, Down: true},
		},
		Note: `{"<a>": "b & c"}`,
	}
}

func TestDomainXML(t *testing.T) {
	d := fullDomain()
	doc := newDomainXML(d)
	if err := d.applyTo(doc); err != nil {
		t.Fatal(err)
	}
	text, err := doc.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/domain.xml"
	want, err := os.ReadFile(golden)
	if err != nil || text+"\n" != string(want) {
		t.Errorf("the XML is not that of %s (%v):\n%s", golden, err, text)
	}
	if read, err := parseDomain(text); err != nil || !reflect.DeepEqual(read, d) {
		t.Errorf("read again it is\n%+v, %v, want\n%+v", read, err, d)
	}
}

func TestParseDomainRefuses(t *testing.T) {
	for _, text := range []string{``, `<domain>`, `<domain><name>guest</name></domain>`, `<network/>`} {
		if d, err := parseDomain(text); err == nil {
			t.Errorf("%q was read as %+v", text, d)
		}
	}
}

func TestBootOrder(t *testing.T) {
	d := Domain{Loadparm: "2", Disks: make([]Disk, 2), Interfaces: []Interface{{NoBoot: true}, {}}}
	for _, boot := range [][]string{nil, {BootNetwork}, {BootDisk}, {BootNetwork, BootDisk}, {BootDisk, BootNetwork}} {
		devices := &libvirtxml.DomainDeviceList{
			Disks:      []libvirtxml.DomainDisk{{}, {Device: "disk"}, {Device: "cdrom", Boot: &libvirtxml.DomainDeviceBoot{Order: 1}}},
			Interfaces: []libvirtxml.DomainInterface{{Boot: &libvirtxml.DomainDeviceBoot{Order: 7}}, {}},
		}
		d.Boot = boot
		d.applyBootOrder(devices)
		got, loadparm := parseBootOrder(*devices)
		if !slices.Equal(got, boot) || (loadparm == "2") != (boot != nil) {
			t.Errorf("written as %q, the boot order is read as %q with %q", boot, got, loadparm)
		}
		if devices.Disks[2].Boot != nil || devices.Interfaces[0].Boot != nil {
			t.Errorf("%q: a device boots that shall not", boot)
		}
	}
}

func TestDiskName(t *testing.T) {
	for index, want := range map[int]string{0: "vda", 25: "vdz", 26: "vdaa", 27: "vdab", 701: "vdzz", 702: "vdaaa"} {
		if got := diskName("virtio", index); got != want {
			t.Errorf("disk %d is %q, want %q", index, got, want)
		}
	}
	if got := diskName("scsi", 1); got != "sdb" {
		t.Errorf("the second SCSI disk is %q", got)
	}
}

func TestApplyCPU(t *testing.T) {
	for _, cpu := range []string{"", "max", "host-model", "host-passthrough", "z14"} {
		doc := &libvirtxml.Domain{CPU: &libvirtxml.DomainCPU{Mode: "custom", Model: &libvirtxml.DomainCPUModel{Value: "qemu"}}}
		Domain{CPU: cpu}.applyCPU(doc)
		if got := cpuOf(doc.CPU); got != cpu {
			t.Errorf("written as %q, the CPU is read as %q", cpu, got)
		}
	}
}

// TestApplyTopology holds that what is in a topology beside what is modelled stays where that is the same.
func TestApplyTopology(t *testing.T) {
	dies := libvirtxml.DomainCPUTopology{Sockets: 1, Dies: 2, Cores: 2, Threads: 1}
	for _, test := range []struct {
		wanted Topology
		dies   int
	}{{Topology{1, 2, 1}, 2}, {Topology{2, 2, 1}, 0}, {Topology{}, 0}} {
		topology := dies
		doc := &libvirtxml.Domain{CPU: &libvirtxml.DomainCPU{Topology: &topology}}
		Domain{Topology: test.wanted}.applyTopology(doc)
		if got := topologyOf(doc.CPU); got != test.wanted {
			t.Errorf("written as %v, the topology is read as %v", test.wanted, got)
		}
		if doc.CPU.Topology != nil && doc.CPU.Topology.Dies != test.dies {
			t.Errorf("%v: %d dies, want %d", test.wanted, doc.CPU.Topology.Dies, test.dies)
		}
	}
}

// TestKeepsTrunk holds that tags which the package does not model are not lost.
func TestKeepsTrunk(t *testing.T) {
	doc := libvirtxml.DomainInterface{VLan: &libvirtxml.DomainInterfaceVLan{Trunk: "yes", Tags: []libvirtxml.DomainInterfaceVLanTag{{ID: 1}, {ID: 2}}}}
	nic := parseInterface(doc)
	nic.Down = true
	nic.applyTo(&doc)
	if doc.VLan == nil || len(doc.VLan.Tags) != 2 {
		t.Errorf("the trunk became %+v", doc.VLan)
	}
}
