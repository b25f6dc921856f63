package virt

import (
	"slices"
	"strings"
	"testing"
)

// formOf returns a definition as other programs write it, with these elements in <os> and <devices>.
func formOf(os, devices string) string {
	return `<domain type="qemu"><name>x</name><memory unit="KiB">524288</memory><vcpu>1</vcpu><os><type arch="s390x" machine="s390-ccw-virtio-7.2">hvm</type>` +
		os + `</os><devices>` + devices + `</devices></domain>`
}

const (
	formDisk    = `<disk type="file" device="disk"><source file="/a"/><target dev="vda" bus="virtio"/></disk>`
	formCDROM   = `<disk type="file" device="cdrom"><target dev="sda" bus="scsi"/></disk>`
	formNIC     = `<interface type="network"><mac address="52:54:00:00:00:01"/><source network="default"/></interface>`
	formConsole = `<console type="pty"><target type="sclp"/></console>`
)

func TestBootOfClasses(t *testing.T) {
	for _, test := range []struct {
		os, devices string
		want        []string
	}{
		{`<boot dev="hd"/>`, formDisk + formNIC, []string{BootDisk}},
		{`<boot dev="network"/><boot dev="hd"/>`, formDisk + formNIC, []string{BootNetwork, BootDisk}},
		{`<boot dev="cdrom"/><boot dev="hd"/>`, formCDROM + formDisk, []string{BootCDROM, BootDisk}},
		{`<boot dev="hd"/>`, formNIC, nil}, // libvirt adds it if nothing boots
		{`<boot dev="hd"/>`, formCDROM, nil},
		{`<kernel>/k</kernel><boot dev="hd"/>`, formDisk, nil},
		{``, formDisk, nil},
	} {
		d, err := parseDomain(formOf(test.os, test.devices))
		if err != nil || !slices.Equal(d.Boot, test.want) {
			t.Errorf("%s: read as %q (%v), want %q", test.os, d.Boot, err, test.want)
		}
		if slices.ContainsFunc(d.Disks, func(disk Disk) bool { return disk.NoBoot }) {
			t.Errorf("%s: a disk is read as one that is not booted from", test.os)
		}
	}
}

// TestEditOfClasses checks that an order of classes stays until another order is wanted, and what it then becomes.
func TestEditOfClasses(t *testing.T) {
	const os = `<boot dev="cdrom"/><boot dev="hd"/>`
	for name, test := range map[string]struct {
		change         func(*Domain)
		wants, wantNot []string
	}{
		"other memory":  {func(d *Domain) { d.Memory, d.MaxMemory = 1<<30, 1<<30 }, []string{`<boot dev="cdrom"/><boot dev="hd"/>`}, []string{"order="}},
		"one more disk": {func(d *Domain) { d.Disks = append(d.Disks, Disk{Path: "/b", Bus: "virtio"}) }, []string{`<boot dev="hd"/>`}, []string{"order="}},
		"network first": {func(d *Domain) { d.Boot = []string{BootNetwork, BootDisk, BootCDROM} },
			[]string{`<source network="default"/><boot order="1"/>`, `<driver name="qemu"/><boot order="2"/>`, `bus="scsi"/><boot order="3"/>`}, []string{"boot dev="}},
		"a disk that does not boot": {func(d *Domain) { d.Disks[0].NoBoot = true }, nil, []string{"boot dev="}},
		"a load parameter":          {func(d *Domain) { d.Loadparm = "2" }, []string{`<boot order="1" loadparm="2"/>`}, []string{"boot dev="}},
	} {
		t.Run(name, func(t *testing.T) {
			text := formOf(os, formDisk+formCDROM+formNIC+formConsole)
			d, err := parseDomain(text)
			if err != nil {
				t.Fatal(err)
			}
			test.change(&d)
			root, err := d.redefinition(text)
			if err != nil {
				t.Fatal(err)
			}
			got := formatted(t, root)
			for _, part := range test.wants {
				if !strings.Contains(got, part) {
					t.Errorf("there is no %s in %s", part, got)
				}
			}
			for _, part := range test.wantNot {
				if strings.Contains(got, part) {
					t.Errorf("there is %s in %s", part, got)
				}
			}
		})
	}
}

// TestSerialConsoleOfS390X checks a console that libvirt also has as a serial device: it is read by its own name,
// stays as it is, and is removed with that device.
func TestSerialConsoleOfS390X(t *testing.T) {
	const serial = `<serial type="pty"><target type="sclp-serial" port="0"><model name="sclpconsole"/></target></serial>`
	text := formOf("", serial+`<console type="pty"><target type="serial" port="0"/></console>`)
	d, err := parseDomain(text)
	if err != nil || !slices.Equal(d.Consoles, []string{"sclp"}) {
		t.Fatalf("read as %q (%v)", d.Consoles, err)
	}
	for _, test := range []struct {
		consoles    []string
		want        string
		staysSerial bool
	}{
		{[]string{"sclp"}, `<target type="serial" port="0"/>`, true},
		{[]string{"sclp", "virtio"}, `<target type="serial" port="0"/></console><console type="pty"><target type="virtio"/>`, true},
		{[]string{"virtio"}, `<console type="pty"><target type="virtio"/></console></devices>`, false},
		{[]string{"virtio", "sclp"}, `<target type="virtio"/></console><console type="pty"><target type="sclp"/>`, false},
	} {
		d.Consoles = test.consoles
		root, err := d.redefinition(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := formatted(t, root); !strings.Contains(got, test.want) || strings.Contains(got, "sclp-serial") != test.staysSerial {
			t.Errorf("%q is written as %s", test.consoles, got)
		}
	}
}
