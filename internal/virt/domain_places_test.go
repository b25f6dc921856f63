package virt

import (
	"slices"
	"strings"
	"testing"
)

// TestDiskSources writes disks in every possible place, and reads them again.
func TestDiskSources(t *testing.T) {
	const uuid = "0a1b2c3d-0000-4000-8000-0000000000c2"
	for text, disk := range map[string]Disk{
		`<disk device="disk" type="file"><source file="/srv/a"/>`:                                                                                               {Path: "/srv/a"},
		`<disk device="disk" type="file"><source file="/srv/v"/>`:                                                                                               {Path: "/srv/v", Volume: "pool/v"},
		`<disk device="disk" type="block"><source dev="/dev/disk/by-path/ccw-0.0.0100"/>`:                                                                       {Path: "/dev/disk/by-path/ccw-0.0.0100", Block: true},
		`<disk device="disk" type="volume"><source pool="p" volume="a/b"/>`:                                                                                     {Volume: "p/a/b"},
		`<disk device="disk" type="network"><source protocol="rbd" name="pool/image"/>`:                                                                         {URL: "rbd:///pool/image"},
		`<disk device="disk" type="network"><source protocol="nbd"><host name="192.0.2.1" port="10809"/></source>`:                                              {URL: "nbd://192.0.2.1:10809/"},
		`<disk device="disk" type="network"><source protocol="nbd" name="x"><host transport="unix" socket="/run/n.sock"/></source>`:                             {URL: "nbd+unix:///x?socket=/run/n.sock"},
		`<disk device="disk" type="network"><source protocol="iscsi" name="iqn.2026-11.test:a/1"><host name="2001:db8::1"/></source>`:                           {URL: "iscsi://[2001:db8::1]/iqn.2026-11.test:a/1"},
		`<disk device="disk" type="network"><source protocol="gluster" name="v/i"><host name="h" transport="rdma"/></source>`:                                   {URL: "gluster+rdma://h/v/i"},
		`<disk device="disk" type="network"><source protocol="rbd" name="p/i"><host name="a" port="6789"/><host name="b"/></source>`:                            {URL: "rbd://a:6789,b/p/i"},
		`<disk device="disk" type="network"><source protocol="https" name="x"><host name="2001:db8::1" port="443"/></source>`:                                   {URL: "https://[2001:db8::1]:443/x"},
		`<disk device="disk" type="network"><source protocol="rbd" name="p/i"><auth username="me"><secret type="ceph" usage="u"/></auth></source>`:              {URL: "rbd://me@/p/i", Secret: "u"},
		`<disk device="disk" type="network"><source protocol="iscsi" name="t/1"><auth username="me"><secret type="iscsi" uuid="` + uuid + `"/></auth></source>`: {URL: "iscsi://me@/t/1", Secret: uuid},
	} {
		element := parsed(t, `<disk device="disk"/>`)
		disk.Format, disk.Bus = "raw", "virtio"
		disk.edit(element)
		if got := formatted(t, element); got != text+`<driver name="qemu" type="raw"/><target bus="virtio"/></disk>` {
			t.Errorf("%+v became\n%s", disk, got)
		}
		read := parseDisk(element)
		if !read.Is(disk) || !SameURL(read.URL, disk.URL) || read.Secret != disk.Secret || read.Block != disk.Block {
			t.Errorf("%s was read as %+v", text, read)
		}
		before := formatted(t, element)
		if read.edit(element); formatted(t, element) != before {
			t.Errorf("written again, %s became %s", before, formatted(t, element))
		}
	}
}

// TestInterfacePlaces writes interfaces in every possible place, and reads them again.
func TestInterfacePlaces(t *testing.T) {
	for text, nic := range map[string]Interface{
		`<interface type="network"><source network="lab"/></interface>`:                                                                                    {Network: "lab"},
		`<interface type="bridge"><source bridge="br0"/></interface>`:                                                                                      {Bridge: "br0"},
		`<interface type="direct"><source dev="eth0" mode="private"/></interface>`:                                                                         {Device: "eth0", Mode: "private"},
		`<interface type="hostdev" managed="yes"><source><address type="pci" domain="0x0001" bus="0x0a" slot="0x1f" function="0x7"/></source></interface>`: {PCI: "0001:0a:1f.7"},
	} {
		element := parsed(t, `<interface/>`)
		nic.edit(element, Interface{})
		if got := formatted(t, element); got != text {
			t.Errorf("%+v became\n%s", nic, got)
		}
		if read, err := parseInterface(element); err != nil || read != nic {
			t.Errorf("%s was read as %+v, %v", text, read, err)
		}
	}
	for _, text := range []string{`<interface type="user"/>`, `<interface type="hostdev"><source><address type="usb" bus="1" device="2"/></source></interface>`} {
		if hasPlace(parsed(t, text)) {
			t.Errorf("%s has a place", text)
		}
	}
}

func TestSameURL(t *testing.T) {
	for _, same := range [][2]string{
		{"nbd://server/export", "nbd://server:10809/export"},
		{"iscsi://server/iqn.2026-11.test:a/1", "iscsi://server:3260/iqn.2026-11.test:a/1"},
		{"https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"},
		{"rbd://me@a:6789,b/p/i", "rbd://me@a:6789,b/p/i"},
		{"", ""},
	} {
		if !SameURL(same[0], same[1]) {
			t.Errorf("%q and %q are not the same", same[0], same[1])
		}
	}
	for _, other := range [][2]string{{"nbd://server/a", "nbd://server/b"}, {"nbd://server:1/a", "nbd://server/a"}, {"rbd://me@/p/i", "rbd://you@/p/i"}, {"", "nbd:///"}} {
		if SameURL(other[0], other[1]) {
			t.Errorf("%q and %q are the same", other[0], other[1])
		}
	}
}

// TestBootOrderOfOthers checks that an order of devices that differs from the order of their lists stays, whatever
// else changes, and that a new device boots after the others of its kind.
func TestBootOrderOfOthers(t *testing.T) {
	text := formOf("", strings.Replace(formDisk, "</disk>", `<boot order="3"/></disk>`, 1)+
		`<disk type="file" device="disk"><source file="/b"/><target dev="vdb" bus="virtio"/><boot order="1" loadparm="2"/></disk>`+
		strings.Replace(formNIC, "</interface>", `<boot order="2"/></interface>`, 1))
	d, err := parseDomain(text)
	if err != nil {
		t.Fatal(err)
	}
	orders := func(d Domain) (found []string) {
		t.Helper()
		root, err := d.redefinition(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, boot := range root.FindElements("devices/*/boot") {
			found = append(found, attr(boot, "order")+attr(boot, "loadparm"))
		}
		return found
	}
	d.Memory = 1 << 30
	if got := orders(d); !slices.Equal(got, []string{"3", "12", "2"}) {
		t.Errorf("a change of memory has made of the order %q", got)
	}
	d.Disks[0], d.Disks[1] = d.Disks[1], d.Disks[0]
	if got := orders(d); slices.Equal(got, []string{"12", "3", "2"}) {
		t.Errorf("another order of disks is not another order of boot: %q", got)
	}
}
