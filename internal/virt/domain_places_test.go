package virt

import (
	"testing"
)

// TestDiskSources writes disks wherever they can be, and reads them again.
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

// TestInterfacePlaces writes interfaces wherever they can be, and reads them again.
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
