package virt

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseNetwork(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want Network
	}{
		"isolated without an address": {
			`<network><name>n</name><uuid>u</uuid><bridge name='b'/></network>`,
			Network{Name: "n", UUID: "u", Mode: "isolated", Bridge: "b", STP: true},
		},
		"a forward element without a mode": {
			`<network><name>n</name><forward/></network>`,
			Network{Name: "n", Mode: "nat", STP: true},
		},
		"a netmask, IPv6 and TFTP": {
			`<network><name>n</name><forward mode='open'/><domain name='d'/><mtu size='1400'/>
			<ip family='ipv6' address='fd00::1' prefix='64'/>
			<ip address='10.0.0.1' netmask='255.255.252.0'><tftp root='/srv/tftp'/></ip></network>`,
			Network{
				Name: "n", Mode: "open", STP: true, Domain: "d", MTU: 1400, TFTPRoot: "/srv/tftp",
				IPv4: &IP{Address: netip.MustParsePrefix("10.0.0.1/22")},
				IPv6: &IP{Address: netip.MustParsePrefix("fd00::1/64")},
			},
		},
		"DHCP": {
			`<network><name>n</name><ip address='10.0.0.1' prefix='24'><dhcp>
			<range start='10.0.0.2' end='10.0.0.9'><lease expiry='5'/></range>
			<host mac='52:54:00:00:00:01' name='one' ip='10.0.0.10'><lease expiry='2' unit='hours'/></host>
			<bootp file='f' server='s'/></dhcp></ip></network>`,
			Network{Name: "n", Mode: "isolated", STP: true, IPv4: &IP{
				Address: netip.MustParsePrefix("10.0.0.1/24"),
				DHCP: &DHCP{
					Ranges:       []Range{{"10.0.0.2", "10.0.0.9", 300}},
					Reservations: []Reservation{{MAC: "52:54:00:00:00:01", IP: "10.0.0.10", Hostname: "one", Lease: 7200}},
					Bootfile:     "f", NextServer: "s",
				},
			}},
		},
		"devices": {
			`<network><name>n</name><forward dev='eth0' mode='bridge'><interface dev='eth0' connections='1'/><interface dev='eth1'/></forward></network>`,
			Network{Name: "n", Mode: "bridge", Devices: []string{"eth0", "eth1"}},
		},
		"a device of NAT": {
			`<network><name>n</name><forward dev='eth0' mode='nat'/></network>`,
			Network{Name: "n", Mode: "nat", STP: true, Devices: []string{"eth0"}},
		},
		"virtual functions, as they are while it runs": {
			`<network><name>n</name><forward mode='passthrough'><pf dev='eth0'/><interface dev='eth0v0'/><interface dev='eth0v1'/></forward></network>`,
			Network{Name: "n", Mode: "passthrough", PF: "eth0"},
		},
		"no forwarding": {
			`<network><name>n</name><forward mode='none'/></network>`,
			Network{Name: "n", Mode: "isolated", STP: true},
		},
		"no prefix": {
			`<network><name>n</name><ip address='172.16.0.1'/><ip family='ipv6' address='fd00::1'/>
			<route address='198.51.100.0' netmask='255.255.255.128' gateway='172.16.0.2' metric='2'/></network>`,
			Network{
				Name: "n", Mode: "isolated", STP: true,
				IPv4: &IP{Address: netip.MustParsePrefix("172.16.0.1/16")}, IPv6: &IP{Address: netip.MustParsePrefix("fd00::1/64")},
				Routes: []Route{{netip.MustParsePrefix("198.51.100.0/25"), "172.16.0.2", 2}},
			},
		},
		"lease times and names": {
			`<network><name>n</name><ip address='10.0.0.1' prefix='24'><dhcp>
			<range start='10.0.0.2' end='10.0.0.9'><lease expiry='0' unit='hours'/></range>
			<host name='one' ip='10.0.0.10'><lease expiry='150' unit='seconds'/></host>
			<host mac='52:54:00:00:00:AA' ip='10.0.0.11'/></dhcp></ip></network>`,
			Network{Name: "n", Mode: "isolated", STP: true, IPv4: &IP{
				Address: netip.MustParsePrefix("10.0.0.1/24"),
				DHCP: &DHCP{
					Ranges:       []Range{{"10.0.0.2", "10.0.0.9", Endless}},
					Reservations: []Reservation{{Hostname: "one", IP: "10.0.0.10", Lease: 150}, {MAC: "52:54:00:00:00:aa", IP: "10.0.0.11"}},
				},
			}},
		},
		"what has no field": {
			`<network ipv6='yes'><name>n</name><metadata><x/></metadata><forward mode='nat' managed='yes'><nat><port start='1024' end='65535'/></nat></forward>
			<bridge name='b' zone='z'/><mac address='52:54:00:00:00:01'/><domain name='d' localOnly='yes'/><dns><txt name='t' value='v'/></dns><virtualport type='802.1Qbh'/>
			<ip address='10.0.0.1' prefix='24'><dhcp><host id='1:2' name='one' ip='10.0.0.10'/></dhcp></ip><ip address='10.0.1.1' prefix='24'/>
			<portgroup name='p'/><portgroup name='q'/></network>`,
			Network{
				Name: "n", Mode: "nat", Bridge: "b", STP: true, Domain: "d",
				IPv4: &IP{netip.MustParsePrefix("10.0.0.1/24"), &DHCP{Reservations: []Reservation{{Hostname: "one", IP: "10.0.0.10"}}}},
				Unmodelled: []string{
					"ipv6 of <network>", "an additional address, 10.0.1.1", "managed of <forward>", "zone of <bridge>", "localOnly of <domain>", "<txt>", "<virtualport>",
					"id of <host> in IPv4", "<portgroup>",
				},
			},
		},
	} {
		got, err := readNetwork(tc.text)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tc.want)
		}
		// The network that is written over an empty definition reads as the same network.
		text, err := formatXML(got.newXML())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := readNetwork(text); err != nil || !again.sameDefinition(got) {
			t.Errorf("%s, written and read: %+v, %v, want %+v", name, again, err, got)
		}
	}
}

func TestParseNetworkRefuses(t *testing.T) {
	for _, text := range []string{
		``, `<network>`,
		`<network><ip address='nonsense'/></network>`,
		`<network><ip address='10.0.0.1' netmask='nonsense'/></network>`,
		`<network><ip address='10.0.0.1' netmask='fd00::'/></network>`,
		`<network><ip address='10.0.0.1' netmask='255.0.255.0'/></network>`,
	} {
		if n, err := readNetwork(text); err == nil {
			t.Errorf("%s was read as %+v", text, n)
		}
	}
}

// TestEditKeeps checks that networks from many programs stay the same if only a reservation is added and then
// removed.
func TestEditKeeps(t *testing.T) {
	files, err := filepath.Glob("../provider/testdata/networks/*.xml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		root, err := parseXML(string(text))
		if err != nil {
			t.Fatal(file, err)
		}
		n, err := parseNetwork(root)
		if err != nil {
			t.Fatal(file, err)
		}
		n.edit(root) // writes what libvirt writes as well: a mode, and whether spanning tree is on
		before, _ := formatXML(root)
		more := n
		if n.IPv4 != nil && n.IPv4.DHCP != nil {
			dhcp := *n.IPv4.DHCP
			dhcp.Reservations = append(clone(dhcp.Reservations), Reservation{MAC: "52:54:00:fe:ed:01", IP: "10.77.0.250"})
			more.IPv4 = &IP{n.IPv4.Address, &dhcp}
		}
		more.edit(root)
		if n.ChangeTo(more) != NoChange {
			if after, _ := formatXML(root); after == before {
				t.Errorf("%s has no further reservation", file)
			}
		}
		n.edit(root)
		if after, _ := formatXML(root); after != before {
			t.Errorf("%s was\n%s\nand is\n%s", file, before, after)
		}
	}
}

// TestEditKeepsPCI checks that virtual functions by their PCI addresses, which are not modelled, stay until a mode or
// a device replaces them.
func TestEditKeepsPCI(t *testing.T) {
	root, err := parseXML(`<network><name>n</name><forward mode='hostdev' managed='yes'><driver name='vfio'/><address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x1'/></forward></network>`)
	if err != nil {
		t.Fatal(err)
	}
	before, _ := formatXML(root)
	n, err := parseNetwork(root)
	if err != nil || n.Mode != ModeHostdev || n.Bridge != "" || n.PF != "" || !slices.Contains(n.Unmodelled, "<address>") {
		t.Errorf("it is read as %+v, %v", n, err)
	}
	n.VLANs = []uint{42}
	n.edit(root)
	n.VLANs = nil
	n.edit(root)
	if after, _ := formatXML(root); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	n.PF = "eth0"
	n.edit(root)
	if after, _ := formatXML(root); strings.Contains(after, "<address") || !strings.Contains(after, `<pf dev="eth0"/>`) || !strings.Contains(after, "managed") {
		t.Errorf("with a device it is\n%s", after)
	}
}

func readNetwork(text string) (Network, error) {
	root, err := parseXML(text)
	if err != nil {
		return Network{}, err
	}
	return parseNetwork(root)
}

func TestMaskBits(t *testing.T) {
	for netmask, want := range map[string]uint{
		"0.0.0.0": 0, "128.0.0.0": 1, "255.0.0.0": 8, "255.255.252.0": 22, "255.255.255.255": 32,
	} {
		if got, err := maskBits(netmask); err != nil || got != want {
			t.Errorf("maskBits(%q) = %d, %v, want %d", netmask, got, err, want)
		}
	}
}
