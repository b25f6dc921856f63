package virt

import (
	"net/netip"
	"reflect"
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
	} {
		got, err := readNetwork(tc.text)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tc.want)
		}
		// What is written over an empty definition reads as the same.
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
