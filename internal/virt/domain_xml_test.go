package virt

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"libvirt.org/go/libvirtxml"
)

func fullDomain() Domain {
	return Domain{
		Name: "guest", Arch: "s390x", Machine: "s390-ccw-virtio", Accelerator: "tcg", CPU: "max", CPUFeatures: map[string]string{"vx": "disable", "apft": "require"}, VCPUs: 2, MaxVCPUs: 8, Memory: 2 << 30, MaxMemory: 4 << 30,
		Topology: Topology{2, 4, 1}, Loadparm: "LINUX", Consoles: []string{"sclp", "virtio"}, GuestAgent: true,
		Kernel: Kernel{"/srv/kernel", "/srv/initrd", "a <b> & 'c'"},
		Boot:   []string{BootNetwork, BootDisk},
		Disks: []Disk{
			{Path: "/images/one.qcow2", Format: "qcow2", Bus: "virtio", Serial: "disk-1"},
			{Path: "/images/two.img", Format: "raw", Bus: "scsi", ReadOnly: true, Cache: "none", Discard: "unmap", IO: "native", IOThread: 1, Queues: 2, OnError: "stop", Shared: true, NoBoot: true},
		},
		Interfaces: []Interface{
			{Network: "lab", PortGroup: "slow", MAC: "52:54:00:00:00:01", Model: "virtio", NoBoot: true},
			{Bridge: "br0", MAC: "52:54:00:00:00:02", Model: "virtio", MTU: 1400, VLAN: 42, Queues: 4, TrustRx: true, Down: true},
		},
		Hostdevs: []Hostdev{{Mdev: "0a1b2c3d-0000-4000-8000-0000000000c2", Model: "vfio-ccw"}, {PCI: "0000:01:00.1"}}, IOThreads: 2, RNG: true,
		Filesystems:   []Filesystem{{Source: "/srv/a", Target: "a", Driver: Virtiofs}, {Source: "/srv/b", Target: "b", Driver: Plan9, ReadOnly: true}},
		MemoryBacking: MemoryBacking{HugePages: "1MiB", Source: "memfd", Shared: true}, NoBalloon: true, Secure: true,
		Devices: map[string]string{"entropy": "<rng model=\"virtio\">\n  <backend model=\"random\">/dev/urandom</backend>\n</rng>"},
		Note:    `{"<a>": "b & c"}`,
	}
}

func TestDomainXML(t *testing.T) {
	d := fullDomain()
	root, err := d.newXML()
	if err != nil {
		t.Fatal(err)
	}
	doc := etree.NewDocumentWithRoot(root)
	doc.Indent(2)
	text, err := formatXML(root)
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/domain.xml"
	want, err := os.ReadFile(golden)
	if err != nil || text+"\n" != string(want) {
		t.Errorf("the XML is not that of %s (%v):\n%s", golden, err, text)
	}
	d.Disks[0].Target, d.Disks[1].Target = "vda", "sdb"
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

// TestParseDomainOfAnyForm checks that devices and elements that are not modelled do not prevent reading a domain,
// even if libvirt's types would refuse them.
func TestParseDomainOfAnyForm(t *testing.T) {
	const text = `<domain type='kvm' id='3'><name>guest</name><memory dumpCore='off'> 1024 </memory><vcpu current='1'>2</vcpu>
		<os><type arch='s390x'>hvm</type></os><cpu mode='host-model'><topology sockets='1' dies='2' cores='1' threads='1'/></cpu>
		<devices><disk type='block'><source dev='/dev/dasda'/><driver name='qemu' type='raw' queues='many'/><target dev='vda' bus='virtio'/></disk>
		<disk type='network'><source protocol='rbd' name='pool/image'/><target dev='vdb' bus='virtio'/></disk>
		<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
		<interface type='direct'><mac address='52:54:00:AA:00:01'/><source dev='eth0' mode='bridge'/></interface><interface/>
		<serial type='pty'/><console type='pty'/><channel type='spicevmc'/><hostdev mode='subsystem' type='usb'/>
		<hostdev mode='subsystem' type='mdev' model='vfio-ap'><source><address uuid='0a1b2c3d-0000-4000-8000-0000000000c2'/></source></hostdev></devices>
		<launchSecurity type='s390-pv'/><cputune/></domain>`
	want := Domain{
		Name: "guest", Arch: "s390x", Accelerator: "kvm", CPU: "host-model", VCPUs: 1, MaxVCPUs: 2, Memory: 1 << 20, MaxMemory: 1 << 20,
		Consoles: []string{""}, Hostdevs: []Hostdev{{Mdev: "0a1b2c3d-0000-4000-8000-0000000000c2", Model: "vfio-ap"}}, Secure: true,
		Disks:      []Disk{{Path: "/dev/dasda", Block: true, Format: "raw", Bus: "virtio", Target: "vda"}, {URL: "rbd:///pool/image", Bus: "virtio", Target: "vdb"}},
		Interfaces: []Interface{{Device: "eth0", Mode: "bridge", MAC: "52:54:00:aa:00:01"}},
		Others:     []string{"floppy fda (file)", "interface", "channel (spicevmc)", "hostdev (usb)", "cputune"},
	}
	if got, err := parseDomain(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("it was read as\n%+v, %v, want\n%+v", got, err, want)
	}
}

func TestBootOrder(t *testing.T) {
	d := Domain{Loadparm: "2", Disks: make([]Disk, 2), Interfaces: []Interface{{NoBoot: true}, {}}}
	for _, boot := range [][]string{nil, {BootNetwork}, {BootDisk}, {BootNetwork, BootDisk}, {BootDisk, BootNetwork}} {
		devices := parsed(t, `<devices><disk><source file='/a'/></disk><disk type='block' device='disk'><source dev='/dev/b'/></disk><disk device='floppy'><boot order='1'/></disk>
			<interface type='bridge'><source bridge='a'/><boot order='7'/></interface><interface type='bridge'><source bridge='b'/></interface><hostdev mode='subsystem' type='usb'><boot order='2' loadparm='3'/></hostdev></devices>`)
		d.Boot = boot
		d.editBootOrder(devices, Domain{})
		var domain libvirtxml.Domain
		if err := domain.Unmarshal("<domain>" + formatted(t, devices) + "</domain>"); err != nil {
			t.Fatal(err)
		}
		doc := domain.Devices
		got, loadparm := parseBootOrder(parsed(t, formatted(t, devices)))
		if !slices.Equal(got, boot) || (loadparm == "2") != (boot != nil) {
			t.Errorf("written as %q, the boot order is read as %q with %q", boot, got, loadparm)
		}
		if doc.Interfaces[0].Boot != nil {
			t.Errorf("%q: a device boots that shall not", boot)
		}
		behind := uint(len(d.bootDevices(devices)))
		if doc.Disks[2].Boot.Order != behind+1 || doc.Hostdevs[0].Boot.Order != behind+2 || doc.Hostdevs[0].Boot.LoadParm != "3" {
			t.Errorf("%q: what is not modelled boots as\n%s", boot, formatted(t, devices))
		}
	}
}

// TestBootOrderStays checks that a device that is not modelled continues to boot first if nothing changes.
func TestBootOrderStays(t *testing.T) {
	const text = `<devices><disk device="floppy"><boot order="1"/></disk><interface type="bridge"><source bridge="a"/><boot order="2" loadparm="4"/></interface></devices>`
	d := Domain{Boot: []string{BootNetwork}, Loadparm: "4", Interfaces: make([]Interface, 1)}
	devices := parsed(t, text)
	d.editBootOrder(devices, d)
	if got := formatted(t, devices); got != text {
		t.Errorf("it became\n%s", got)
	}
}

func parsed(t *testing.T, text string) *etree.Element {
	t.Helper()
	root, err := parseXML(text)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func formatted(t *testing.T, element *etree.Element) string {
	t.Helper()
	text, err := formatXML(element)
	if err != nil {
		t.Fatal(err)
	}
	return text
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

// TestDiskNames checks that disks keep their names if their order allows it, and also their addresses.
func TestDiskNames(t *testing.T) {
	const text = `<devices>
		<disk device='cdrom'><target dev='sda' bus='scsi'/></disk>
		<disk><source file='one'/><target dev='vdb' bus='virtio'/><address type='ccw'/></disk>
		<disk><source file='two'/><target dev='vdd' bus='virtio'/><address type='ccw'/></disk></devices>`
	one, two := Disk{Path: "one", Bus: "virtio"}, Disk{Path: "two", Bus: "virtio"}
	three, scsi := Disk{Path: "three", Bus: "virtio"}, Disk{Path: "four", Bus: "scsi"}
	moved := Disk{Path: "one", Bus: "scsi"}
	for _, test := range []struct {
		disks []Disk
		want  []string // with an asterisk if the address stayed
	}{
		{[]Disk{one, two}, []string{"vdb*", "vdd*"}},
		{[]Disk{two}, []string{"vdd*"}},
		{[]Disk{two, one}, []string{"vdd*", "vde"}},
		{[]Disk{one, three, two}, []string{"vdb*", "vdc", "vdd*"}},
		{[]Disk{three, one, two}, []string{"vda", "vdb*", "vdd*"}},
		{[]Disk{scsi, one}, []string{"sdb", "vdb*"}},
		{[]Disk{moved, two}, []string{"sdb", "vdd*"}},
	} {
		devices := parsed(t, text)
		Domain{Disks: test.disks}.editDisks(devices, Domain{Disks: []Disk{one, two}})
		var got []string
		for _, element := range diskElements(devices) {
			name := attr(element.SelectElement("target"), "dev")
			if element.SelectElement("address") != nil {
				name += "*"
			}
			got = append(got, name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v became %q, want %q", test.disks, got, test.want)
		}
	}
}

func TestEditCPU(t *testing.T) {
	now := Domain{CPU: "qemu"}
	for _, cpu := range []string{"", "max", "host-model", "host-passthrough", "z14"} {
		root := parsed(t, `<domain><cpu mode='custom' match='exact' check='partial'>
			<model fallback='forbid'>qemu</model><feature policy='disable' name='vx'/><cache mode='disable'/></cpu></domain>`)
		Domain{CPU: cpu}.editCPU(root, now)
		var doc libvirtxml.Domain
		if err := doc.Unmarshal(formatted(t, root)); err != nil {
			t.Fatal(err)
		}
		if got := cpuOf(parsed(t, formatted(t, root)).SelectElement("cpu")); got != cpu {
			t.Errorf("written as %q, the CPU is read as %q", cpu, got)
		}
		if doc.CPU.Cache == nil || (len(doc.CPU.Features) == 1) != (cpu != "") {
			t.Errorf("%q lost what is not modelled: %s", cpu, formatted(t, root))
		}
	}
}

// TestEditTopology checks that parts of a topology that are not modelled stay if the modelled parts stay the same.
func TestEditTopology(t *testing.T) {
	now := Domain{Topology: Topology{1, 2, 1}}
	for _, test := range []struct {
		wanted Topology
		want   string
	}{
		{Topology{1, 2, 1}, `<domain><cpu><topology sockets="1" dies="2" cores="2" threads="1"/></cpu></domain>`},
		{Topology{2, 2, 1}, `<domain><cpu><topology sockets="2" cores="2" threads="1"/></cpu></domain>`},
		{Topology{}, `<domain/>`},
	} {
		root := parsed(t, `<domain><cpu><topology sockets="1" dies="2" cores="2" threads="1"/></cpu></domain>`)
		Domain{Topology: test.wanted}.editCPU(root, now)
		if got := formatted(t, root); got != test.want {
			t.Errorf("%v became %s, want %s", test.wanted, got, test.want)
		}
	}
}

// TestKeepsTrunk checks that VLAN tags that the package does not model are kept.
func TestKeepsTrunk(t *testing.T) {
	const text = `<interface><vlan trunk="yes"><tag id="1"/><tag id="2"/></vlan></interface>`
	element := parsed(t, text)
	Interface{Down: true}.edit(element, Interface{})
	if got := formatted(t, element); !strings.HasPrefix(got, strings.TrimSuffix(text, "</interface>")) {
		t.Errorf("the trunk became %s", got)
	}
}
