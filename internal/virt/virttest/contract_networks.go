package virttest

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

const networkName = "contract"

// networkHost is what the cases of networks need of a host.
type networkHost interface {
	Network(ctx context.Context, name string) (virt.Network, error)
	NetworkNames(ctx context.Context) ([]string, error)
	NetworkName(ctx context.Context, uuid string) (string, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	CreateNetwork(ctx context.Context, n virt.Network) error
	UpdateNetwork(ctx context.Context, n virt.Network) error
	DeleteNetwork(ctx context.Context, name string) error
}

var networkChecks = []check{
	{"a network is made", func(t *testing.T, s Subject) {
		n := fullNetwork(t, s)
		givenNetwork(t, s, n)
		read := wantNetwork(t, s, n)
		if read.UUID == "" {
			t.Error("it has no UUID")
		}
		refused(t, "CreateNetwork again", s.CreateNetwork(t.Context(), plainNetwork()), virt.ErrExists)
		wantNetwork(t, s, n)
		guests, err := s.NetworkGuests(t.Context(), networkName)
		if err != nil || len(guests) > 0 {
			t.Errorf("NetworkGuests returned %q, %v", guests, err)
		}
		done(t, "DeleteNetwork", s.DeleteNetwork(t.Context(), networkName))
		_, err = s.Network(t.Context(), networkName)
		refused(t, "Network", err, virt.ErrNotFound)
	}},
	{"a network gets a bridge", func(t *testing.T, s Subject) {
		n := plainNetwork()
		n.Bridge = ""
		givenNetwork(t, s, n)
		read, err := s.Network(t.Context(), networkName)
		done(t, "Network", err)
		if !strings.HasPrefix(read.Bridge, "virbr") {
			t.Errorf("the bridge is %q, want virbr0 or alike", read.Bridge)
		}
		n.Domain = "lab.test"
		done(t, "UpdateNetwork", s.UpdateNetwork(t.Context(), n))
		n.Bridge = read.Bridge
		wantNetwork(t, s, n)
	}},
	{"a network that does not exist", func(t *testing.T, s Subject) {
		_, err := s.Network(t.Context(), networkName)
		refused(t, "Network", err, virt.ErrNotFound)
		_, err = s.NetworkGuests(t.Context(), networkName)
		refused(t, "NetworkGuests", err, virt.ErrNotFound)
		refused(t, "UpdateNetwork", s.UpdateNetwork(t.Context(), plainNetwork()), virt.ErrNotFound)
		refused(t, "DeleteNetwork", s.DeleteNetwork(t.Context(), networkName), virt.ErrNotFound)
		_, err = s.NetworkName(t.Context(), "00000000-0000-0000-0000-00000000c0de")
		refused(t, "NetworkName", err, virt.ErrNotFound)
	}},
	{"a network is found by its UUID", func(t *testing.T, s Subject) {
		givenNetwork(t, s, plainNetwork())
		n := wantNetwork(t, s, plainNetwork())
		if name, err := s.NetworkName(t.Context(), n.UUID); err != nil || name != n.Name {
			t.Errorf("NetworkName returned %q, %v", name, err)
		}
	}},
	{"two networks that run share neither bridge nor addresses", func(t *testing.T, s Subject) {
		givenNetwork(t, s, plainNetwork())
		other := plainNetwork()
		other.Name = networkName + "-other"
		failed(t, "CreateNetwork with its bridge", s.CreateNetwork(t.Context(), other))
		other.Bridge = "contract1"
		for _, address := range []string{"192.168.166.9/24", "192.168.166.1/30", "192.168.0.1/16"} {
			other.IPv4.Address = netip.MustParsePrefix(address)
			err := s.CreateNetwork(t.Context(), other)
			failed(t, "CreateNetwork with its addresses", err)
			if err == nil || !strings.Contains(err.Error(), `network "contract"`) {
				t.Errorf("%v does not name the other network", err)
			}
		}
		other.Active = false
		givenNetwork(t, s, other)
		other.Active = true
		failed(t, "UpdateNetwork with its addresses", s.UpdateNetwork(t.Context(), other))
		other.Active = false
		wantNetwork(t, s, other)
	}},
	{"a network with DHCP that offers nothing has none", func(t *testing.T, s Subject) {
		n := plainNetwork()
		n.IPv4.DHCP = &virt.DHCP{}
		givenNetwork(t, s, n)
		n.IPv4.DHCP = nil
		wantNetwork(t, s, n)
	}},
	{"a network that forwards needs an address", func(t *testing.T, s Subject) {
		n := virt.Network{Name: networkName, Mode: "nat", Bridge: "contract0", Active: true}
		failed(t, "CreateNetwork", s.CreateNetwork(t.Context(), n))
		_, err := s.Network(t.Context(), networkName)
		refused(t, "Network", err, virt.ErrNotFound)
	}},
	{"a network that does not start leaves nothing", func(t *testing.T, s Subject) {
		n := plainNetwork()
		n.TFTPRoot = "/srv/contract/missing"
		failed(t, "CreateNetwork without its TFTP root", s.CreateNetwork(t.Context(), n))
		_, err := s.Network(t.Context(), networkName)
		refused(t, "Network", err, virt.ErrNotFound)
	}},
	{"a network starts if everyone can list its TFTP root", func(t *testing.T, s Subject) {
		n := fullNetwork(t, s)
		for mode, starts := range map[fs.FileMode]bool{0o700: false, 0o711: false, 0o750: false, 0o744: true, 0o705: true} {
			done(t, "Chmod", s.Disk.Chmod(n.TFTPRoot, mode))
			err := s.CreateNetwork(t.Context(), n)
			if starts {
				done(t, "CreateNetwork", err)
				done(t, "DeleteNetwork", s.DeleteNetwork(t.Context(), n.Name))
			} else {
				failed(t, "CreateNetwork", err)
			}
			_, err = s.Network(t.Context(), n.Name)
			refused(t, "Network", err, virt.ErrNotFound)
		}
	}},
	{"a network is only defined", func(t *testing.T, s Subject) {
		n := plainNetwork()
		n.Active = false
		givenNetwork(t, s, n)
		wantNetwork(t, s, n)
		n.Active, n.Autostart = true, true
		done(t, "UpdateNetwork", s.UpdateNetwork(t.Context(), n))
		wantNetwork(t, s, n)
		n.Active, n.Autostart = false, false
		done(t, "UpdateNetwork", s.UpdateNetwork(t.Context(), n))
		wantNetwork(t, s, n)
	}},
	{"a network keeps its bootfile when all that it offers changes", func(t *testing.T, s Subject) {
		n := plainNetwork()
		n.IPv4.DHCP = &virt.DHCP{
			Ranges:   []virt.Range{{Start: "192.168.166.10", End: "192.168.166.19", Lease: 3600}},
			Bootfile: "pxelinux",
		}
		givenNetwork(t, s, n)
		n.IPv4.DHCP.Ranges[0].Lease = 7200
		done(t, "UpdateNetwork", s.UpdateNetwork(t.Context(), n))
		wantNetwork(t, s, n)
	}},
	{"a network changes, one attribute after the other", func(t *testing.T, s Subject) {
		n := fullNetwork(t, s)
		givenNetwork(t, s, n)
		uuid := wantNetwork(t, s, n).UUID
		done(t, "UpdateNetwork to the same", s.UpdateNetwork(t.Context(), n))
		for what, change := range networkChanges { // this also undoes the previous change
			changed := fullNetwork(t, s)
			change(&changed)
			done(t, "UpdateNetwork: "+what, s.UpdateNetwork(t.Context(), changed))
			if read := wantNetwork(t, s, changed); read.UUID != uuid {
				t.Errorf("the UUID went from %s to %s", uuid, read.UUID)
			}
			if t.Failed() {
				t.Fatal("that was: " + what)
			}
		}
	}},
	{"a change that does not start is taken back", func(t *testing.T, s Subject) {
		n := fullNetwork(t, s)
		givenNetwork(t, s, n)
		changed := fullNetwork(t, s)
		changed.TFTPRoot = "/srv/contract/missing"
		refused(t, "UpdateNetwork without its TFTP root", s.UpdateNetwork(t.Context(), changed), virt.ErrTFTPRoot)
		wantNetwork(t, s, n)
	}},
}

// networkChanges are changes to fullNetwork, of everything that a network has.
var networkChanges = map[string]func(n *virt.Network){
	"mode route":    func(n *virt.Network) { n.Mode = "route" },
	"mode open":     func(n *virt.Network) { n.Mode = "open" },
	"mode isolated": func(n *virt.Network) { n.Mode = "isolated" },
	"bridge":        func(n *virt.Network) { n.Bridge = "contract1" },
	"domain":        func(n *virt.Network) { n.Domain = "other.test" },
	"no domain":     func(n *virt.Network) { n.Domain = "" },
	"MTU":           func(n *virt.Network) { n.MTU = 9000 },
	"no MTU":        func(n *virt.Network) { n.MTU = 0 },
	"autostart":     func(n *virt.Network) { n.Autostart = false },
	"active":        func(n *virt.Network) { n.Active = false },
	"bridge mode": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModeBridge, Bridge: "contract9", Autostart: true, Active: true}
	},
	"Open vSwitch": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModeBridge, Bridge: "contract9", OpenVSwitch: true, VLANs: []uint{42}, Active: true}
	},
	"trunk": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModeBridge, Bridge: "contract9", OpenVSwitch: true, VLANs: []uint{42, 43}, Active: true}
	},
	"spanning tree": func(n *virt.Network) { n.STP, n.Delay = true, 2 },
	"no IPv6":       func(n *virt.Network) { n.IPv6, n.Routes = nil, n.Routes[:1] },
	"IPv6 alone":    func(n *virt.Network) { n.IPv4, n.TFTPRoot, n.Routes = nil, "", n.Routes[1:] },
	"IPv6 address":  func(n *virt.Network) { n.IPv6.Address = netip.MustParsePrefix("fd00:166::ffff/64") },
	"no IPv6 DHCP":  func(n *virt.Network) { n.IPv6.DHCP = nil },
	"IPv6 ranges": func(n *virt.Network) {
		n.IPv6.DHCP.Ranges = []virt.Range{{Start: "fd00:166::20", End: "fd00:166::ff"}}
	},
	"IPv6 reservations": func(n *virt.Network) {
		n.IPv6.DHCP.Reservations[0].IP, n.IPv6.DHCP.Reservations[1].Hostname = "fd00:166::7", "six"
	},
	"no DNS":       func(n *virt.Network) { n.DNS = nil },
	"DNS disabled": func(n *virt.Network) { n.DNS = &virt.DNS{Disabled: true} },
	"DNS hosts": func(n *virt.Network) {
		n.DNS.Hosts = []virt.DNSHost{{IP: "192.168.166.3", Names: []string{"ns", "other"}}, {IP: "192.168.166.9", Names: []string{"web"}}}
	},
	"DNS hosts with two addresses": func(n *virt.Network) {
		n.DNS.Hosts = []virt.DNSHost{{IP: "192.168.166.3", Names: []string{"ns"}}, {IP: "fd00:166::3", Names: []string{"ns"}}}
	},
	"DNS forwarders": func(n *virt.Network) { n.DNS.Forwarders = []virt.Forwarder{{Domain: "lab.test"}} },
	"options":        func(n *virt.Network) { n.Options = []string{"dhcp-option=option:ntp-server,192.168.166.1", "no-ping"} },
	"no options":     func(n *virt.Network) { n.Options = nil },
	"TFTP root":      func(n *virt.Network) { n.TFTPRoot = "/srv/contract/other" },
	"no TFTP root":   func(n *virt.Network) { n.TFTPRoot = "" },
	"address":        func(n *virt.Network) { n.IPv4.Address = netip.MustParsePrefix("192.168.166.254/24") },
	"prefix":         func(n *virt.Network) { n.IPv4.Address = netip.MustParsePrefix("192.168.166.1/23") },
	"no address":     func(n *virt.Network) { n.Mode, n.IPv4, n.IPv6, n.TFTPRoot, n.Routes = "isolated", nil, nil, "", nil },
	"no DHCP":        func(n *virt.Network) { n.IPv4.DHCP = nil },
	"ranges": func(n *virt.Network) {
		n.IPv4.DHCP.Ranges = []virt.Range{{Start: "192.168.166.2", End: "192.168.166.9"}}
	},
	"no ranges":       func(n *virt.Network) { n.IPv4.DHCP.Ranges = nil },
	"reserved IP":     func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].IP = "192.168.166.8" },
	"reserved MAC":    func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].MAC = "52:54:00:00:00:ff" },
	"reserved name":   func(n *virt.Network) { n.IPv4.DHCP.Reservations[1].Hostname = "second" },
	"reservations":    func(n *virt.Network) { n.IPv4.DHCP.Reservations = n.IPv4.DHCP.Reservations[1:] },
	"no reservations": func(n *virt.Network) { n.IPv4.DHCP.Reservations = nil },
	"reserved addresses, swapped": func(n *virt.Network) {
		r := n.IPv4.DHCP.Reservations
		r[0].IP, r[1].IP = r[1].IP, r[0].IP
	},
	"reserved names, swapped": func(n *virt.Network) {
		r := n.IPv4.DHCP.Reservations
		r[0].Hostname, r[1].Hostname = r[1].Hostname, r[0].Hostname
	},
	"another order": func(n *virt.Network) {
		slices.Reverse(n.IPv4.DHCP.Reservations)
		slices.Reverse(n.IPv4.DHCP.Ranges)
	},
	"bootfile":                 func(n *virt.Network) { n.IPv4.DHCP.Bootfile = "other" },
	"next server":              func(n *virt.Network) { n.IPv4.DHCP.NextServer = "" },
	"no bootp":                 func(n *virt.Network) { n.IPv4.DHCP.Bootfile, n.IPv4.DHCP.NextServer = "", "" },
	"lease time":               func(n *virt.Network) { n.IPv4.DHCP.Ranges[0].Lease = 7200 },
	"no lease time":            func(n *virt.Network) { n.IPv4.DHCP.Ranges[0].Lease = 0 },
	"endless lease":            func(n *virt.Network) { n.IPv4.DHCP.Ranges[1].Lease = virt.Endless },
	"reserved lease time":      func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].Lease = 7200 },
	"no reserved lease time":   func(n *virt.Network) { n.IPv4.DHCP.Reservations[0].Lease = 0 },
	"endless reserved lease":   func(n *virt.Network) { n.IPv4.DHCP.Reservations[1].Lease = virt.Endless },
	"reserved by name, leased": func(n *virt.Network) { n.IPv4.DHCP.Reservations[2].Lease = 600 },
	"reserved by name":         func(n *virt.Network) { n.IPv4.DHCP.Reservations[2].IP = "192.168.166.9" },
	"reserved by another name": func(n *virt.Network) { n.IPv4.DHCP.Reservations[2].Hostname = "four" },
	"IPv6 lease times": func(n *virt.Network) {
		n.IPv6.DHCP.Ranges[0].Lease, n.IPv6.DHCP.Reservations[0].Lease, n.IPv6.DHCP.Reservations[1].Lease = 0, virt.Endless, 0
	},
	"routes": func(n *virt.Network) {
		n.Routes = []virt.Route{{To: netip.MustParsePrefix("198.51.100.0/25"), Gateway: "192.168.166.10"}}
	},
	"no routes": func(n *virt.Network) { n.Routes = nil },
	"device":    func(n *virt.Network) { n.Devices = []string{"lo"} },
	"devices": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModeBridge, Devices: []string{"lo", "contract9"}, Autostart: true, Active: true}
	},
	"mode private": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModePrivate, Devices: []string{"lo"}, Active: true}
	},
	"mode vepa":        func(n *virt.Network) { *n = virt.Network{Name: n.Name, Mode: virt.ModeVEPA, Devices: []string{"lo"}} },
	"mode passthrough": func(n *virt.Network) { *n = virt.Network{Name: n.Name, Mode: virt.ModePassthrough, PF: "lo"} },
	"mode hostdev": func(n *virt.Network) {
		*n = virt.Network{Name: n.Name, Mode: virt.ModeHostdev, PF: "lo", VLANs: []uint{42}}
	},
}

func plainNetwork() virt.Network {
	return virt.Network{
		Name: networkName, Mode: "isolated", Bridge: "contract0", Active: true,
		IPv4: &virt.IP{Address: netip.MustParsePrefix("192.168.166.1/24")},
	}
}

// fullNetwork uses everything that a network has. It needs directories on the host.
func fullNetwork(t *testing.T, s Subject) virt.Network {
	t.Helper()
	tidyDirectory(t, s)
	for _, directory := range []string{"/srv/contract", "/srv/contract/root", "/srv/contract/other"} {
		if _, err := s.Disk.Stat(directory); err != nil {
			done(t, "Mkdir", s.Disk.Mkdir(directory, fs.FileMode(0o755)))
		}
	}
	return virt.Network{
		Name: networkName, Mode: "nat", Bridge: "contract0", Domain: "lab.test", MTU: 1400,
		Autostart: true, Active: true, TFTPRoot: "/srv/contract/root",
		IPv4: &virt.IP{
			Address: netip.MustParsePrefix("192.168.166.1/24"),
			DHCP: &virt.DHCP{
				Ranges: []virt.Range{
					{Start: "192.168.166.10", End: "192.168.166.19", Lease: 3600},
					{Start: "192.168.166.30", End: "192.168.166.39"},
				},
				Reservations: []virt.Reservation{
					{MAC: "52:54:00:00:00:01", IP: "192.168.166.5", Hostname: "one", Lease: 3600},
					{MAC: "52:54:00:00:00:02", IP: "192.168.166.6"},
					{Hostname: "three", IP: "192.168.166.7"},
				},
				Bootfile: "pxelinux", NextServer: "192.168.166.1",
			},
		},
		IPv6: &virt.IP{
			Address: netip.MustParsePrefix("fd00:166::1/64"),
			DHCP: &virt.DHCP{
				Ranges: []virt.Range{{Start: "fd00:166::10", End: "fd00:166::ff", Lease: 7200}},
				Reservations: []virt.Reservation{
					{DUID: "00:03:00:01:52:54:00:00:00:01", IP: "fd00:166::5", Hostname: "one", Lease: 7200},
					{Hostname: "two", IP: "fd00:166::6", Lease: 7200},
				},
			},
		},
		DNS: &virt.DNS{
			Hosts:      []virt.DNSHost{{IP: "192.168.166.3", Names: []string{"ns", "dns"}}, {IP: "fd00:166::3", Names: []string{"ns6"}}},
			Forwarders: []virt.Forwarder{{Address: "192.0.2.53"}, {Domain: "example.test", Address: "192.0.2.54"}, {Domain: "local.test"}},
		},
		Routes:  []virt.Route{{To: netip.MustParsePrefix("198.51.100.0/24"), Gateway: "192.168.166.9", Metric: 2}, {To: netip.MustParsePrefix("2001:db8::/48"), Gateway: "fd00:166::9"}},
		Options: []string{"dhcp-match=set:s390x,option:client-arch,31", "dhcp-boot=tag:bios,pxelinux.0"},
	}
}

func givenNetwork(t *testing.T, s Subject, n virt.Network) {
	t.Helper()
	tidy(t, "the network", func(ctx context.Context) error { return s.DeleteNetwork(ctx, n.Name) })
	done(t, "CreateNetwork", s.CreateNetwork(t.Context(), n))
}

// wantNetwork asks for the network and compares everything except its UUID and the order of lists.
func wantNetwork(t *testing.T, s Subject, want virt.Network) virt.Network {
	t.Helper()
	read, err := s.Network(t.Context(), want.Name)
	done(t, "Network", err)
	// libvirt keeps its order of reservations and ranges if nothing else changes.
	same := read.ChangeTo(want) == virt.NoChange && read.Active == want.Active && read.Autostart == want.Autostart
	if !same || read.Name != want.Name || read.Running != nil || read.Parked {
		t.Errorf("Network returned\n%s, want\n%s", shown(t, read), shown(t, want))
	}
	return read
}

// shown formats a network with the values of its pointers.
func shown(t *testing.T, n virt.Network) []byte {
	text, err := json.Marshal(n)
	done(t, "Marshal", err)
	return text
}
