package virt

import (
	"net/netip"
	"reflect"
	"testing"

	"libvirt.org/go/libvirtxml"
)

func TestParseNetwork(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want Network
	}{
		"isolated without an address": {
			`<network><name>n</name><uuid>u</uuid><bridge name='b'/></network>`,
			Network{Name: "n", UUID: "u", Mode: "isolated", Bridge: "b"},
		},
		"a forward element without a mode": {
			`<network><name>n</name><forward/></network>`,
			Network{Name: "n", Mode: "nat"},
		},
		"a netmask, IPv6 and TFTP": {
			`<network><name>n</name><forward mode='open'/><domain name='d'/><mtu size='1400'/>
			<ip family='ipv6' address='fd00::1' prefix='64'/>
			<ip address='10.0.0.1' netmask='255.255.252.0'><tftp root='/srv/tftp'/></ip></network>`,
			Network{
				Name: "n", Mode: "open", Domain: "d", MTU: 1400, TFTPRoot: "/srv/tftp",
				IPv4: &IPv4{Address: netip.MustParsePrefix("10.0.0.1/22")},
			},
		},
		"DHCP": {
			`<network><name>n</name><ip address='10.0.0.1' prefix='24'><dhcp>
			<range start='10.0.0.2' end='10.0.0.9'><lease expiry='5'/></range>
			<host mac='52:54:00:00:00:01' name='one' ip='10.0.0.10'><lease expiry='2' unit='hours'/></host>
			<bootp file='f' server='s'/></dhcp></ip></network>`,
			Network{Name: "n", Mode: "isolated", IPv4: &IPv4{
				Address: netip.MustParsePrefix("10.0.0.1/24"),
				DHCP: &DHCP{
					Ranges:       []Range{{"10.0.0.2", "10.0.0.9"}},
					Reservations: []Reservation{{"52:54:00:00:00:01", "10.0.0.10", "one"}},
					Bootfile:     "f", NextServer: "s", LeaseSeconds: 7200,
				},
			}},
		},
	} {
		got, err := parseNetwork(tc.text)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tc.want)
		}
		// What is written over an empty definition reads as the same.
		doc := libvirtxml.Network{Name: got.Name, UUID: got.UUID}
		got.applyTo(&doc)
		text, err := doc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseNetwork(text); err != nil || again.definition() != got.definition() {
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
		if n, err := parseNetwork(text); err == nil {
			t.Errorf("%s was read as %+v", text, n)
		}
	}
}

func TestDefinitionIsWhatNeedsARestart(t *testing.T) {
	network := func(change func(*Network)) string {
		n := Network{Name: "n", IPv4: &IPv4{DHCP: &DHCP{Ranges: []Range{{"10.0.0.2", "10.0.0.9"}}}}}
		change(&n)
		return n.definition()
	}
	first := network(func(*Network) {})
	for what, change := range map[string]func(*Network){
		"UUID":            func(n *Network) { n.UUID = "u" },
		"autostart":       func(n *Network) { n.Autostart = true },
		"active":          func(n *Network) { n.Active = true },
		"no reservations": func(n *Network) { n.IPv4.DHCP.Reservations = []Reservation{} },
	} {
		if network(change) != first {
			t.Errorf("%s changes the definition", what)
		}
	}
	for what, change := range map[string]func(*Network){
		"TFTP root":   func(n *Network) { n.TFTPRoot = "/srv/tftp" },
		"address":     func(n *Network) { n.IPv4.Address = netip.MustParsePrefix("10.0.0.1/24") },
		"range":       func(n *Network) { n.IPv4.DHCP.Ranges[0].End = "10.0.0.8" },
		"reservation": func(n *Network) { n.IPv4.DHCP.Reservations = []Reservation{{MAC: "52:54:00:00:00:01"}} },
		"no DHCP":     func(n *Network) { n.IPv4.DHCP = nil },
		"no address":  func(n *Network) { n.IPv4 = nil },
	} {
		if network(change) == first {
			t.Errorf("%s does not change the definition", what)
		}
	}
}

func TestMaskBits(t *testing.T) {
	for netmask, want := range map[string]int{
		"0.0.0.0": 0, "128.0.0.0": 1, "255.0.0.0": 8, "255.255.252.0": 22, "255.255.255.255": 32,
	} {
		if got, err := maskBits(netmask); err != nil || got != want {
			t.Errorf("maskBits(%q) = %d, %v, want %d", netmask, got, err, want)
		}
	}
}
