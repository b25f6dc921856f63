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
		Name: "guest", Arch: "s390x", Machine: "s390-ccw-virtio", Accelerator: "tcg", CPU: "max", VCPUs: 2, Memory: 2 << 30,
		Boot: []string{BootNetwork, BootDisk},
		Disks: []Disk{
			{Path: "/images/one.qcow2", Format: "qcow2", Bus: "virtio", Serial: "disk-1"},
			{Path: "/images/two.img", Format: "raw", Bus: "scsi", ReadOnly: true},
		},
		Interfaces: []Interface{
			{Network: "lab", MAC: "52:54:00:00:00:01"},
			{Bridge: "br0", MAC: "52:54:00:00:00:02"},
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
	for _, boot := range [][]string{nil, {BootNetwork}, {BootDisk}, {BootNetwork, BootDisk}, {BootDisk, BootNetwork}} {
		devices := &libvirtxml.DomainDeviceList{
			Disks:      []libvirtxml.DomainDisk{{}, {Device: "cdrom", Boot: &libvirtxml.DomainDeviceBoot{Order: 1}}, {Device: "disk"}},
			Interfaces: []libvirtxml.DomainInterface{{Boot: &libvirtxml.DomainDeviceBoot{Order: 7, LoadParm: "2"}}, {}},
		}
		Domain{Boot: boot}.applyBootOrder(devices)
		if got := parseBootOrder(*devices); !slices.Equal(got, boot) {
			t.Errorf("written as %q, the boot order is read as %q", boot, got)
		}
		if devices.Disks[1].Boot != nil {
			t.Errorf("%q: the CD-ROM drive still boots", boot)
		}
		if first := devices.Interfaces[0].Boot; first != nil && first.LoadParm != "2" {
			t.Errorf("%q: the load parameter is lost", boot)
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
