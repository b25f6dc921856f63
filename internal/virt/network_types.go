package virt

import (
	"net/netip"
	"slices"
)

// Network is a libvirt network: a bridge with DHCP, DNS and TFTP by dnsmasq, or what the host has already
// for guests to be plugged into, a bridge or network devices.
type Network struct {
	Name        string
	UUID        string
	Mode        string   // a Mode… constant
	Bridge      string   // "" lets libvirt choose, where it makes one
	Devices     []string // the host's: guests share them by macvtap, or the host forwards by the one that is here
	PF          string   // the host's device whose virtual functions guests get
	OpenVSwitch bool     // the bridge is one of Open vSwitch
	VLANs       []uint   // tags of the guests' packets on a bridge of Open vSwitch; several are a trunk
	STP         bool
	Delay       uint // seconds that a bridge with spanning tree waits before it forwards
	MTU         uint // bytes; 0 leaves it to the kernel
	Domain      string
	TFTPRoot    string
	IPv4, IPv6  *IP
	DNS         *DNS
	Routes      []Route
	Options     []string // raw options of dnsmasq
	Autostart   bool
	Active      bool

	// Running is what still runs where that is not what is defined: somebody has changed the
	// definition alone, or a change was interrupted. It is never given to libvirt.
	Running *Network

	// Unmodelled is what the definition has beside all this, in words for a user. It stays as it is.
	Unmodelled []string

	// Parked tells that a change was interrupted, so that guests may be plugged into another network.
	// UpdateNetwork plugs them in again. It is never given to libvirt.
	Parked bool
}

// Modes of Network.Mode.
const (
	ModeNAT      = "nat"
	ModeRoute    = "route"
	ModeOpen     = "open"     // routed, without firewall rules
	ModeIsolated = "isolated" // no way to other networks
	ModeBridge   = "bridge"   // a bridge that the host has already, or its devices by macvtap

	// Modes of macvtap, which differ in how guests on one device reach each other.
	ModePrivate     = "private"
	ModeVEPA        = "vepa"
	ModePassthrough = "passthrough" // each device is one guest's

	ModeHostdev = "hostdev" // virtual functions of a PCI device are handed to guests
)

// MakesBridge tells whether libvirt makes the network's bridge, and serves addresses and names on it.
func (n Network) MakesBridge() bool { return MakesBridge(n.Mode) }

// MakesBridge is the same of a mode.
func MakesBridge(mode string) bool {
	return slices.Contains([]string{ModeNAT, ModeRoute, ModeOpen, ModeIsolated}, mode)
}

// HasBridge tells whether guests are plugged into a bridge.
func (n Network) HasBridge() bool { return n.MakesBridge() || n.Bridge != "" }

// IP is the host's address on a network and what dnsmasq hands out there.
type IP struct {
	Address netip.Prefix
	DHCP    *DHCP
}

// DHCP is what dnsmasq offers to guests.
type DHCP struct {
	Ranges       []Range
	Reservations []Reservation
	Bootfile     string // IPv4 only
	NextServer   string // IPv4 only
}

// Lease is how many seconds a lease lasts. 0 leaves it to dnsmasq, which takes an hour.
type Lease int64

// Endless is the lease that never ends.
const Endless Lease = -1

// Range is a range of addresses, both ends included.
type Range struct {
	Start, End string
	Lease      Lease
}

// Reservation gives a guest a fixed address: by its MAC or its name in IPv4, by its DUID or its name in IPv6.
type Reservation struct {
	MAC, DUID, IP, Hostname string
	Lease                   Lease
}

// Route is a route of the host's by a gateway on the network.
type Route struct {
	To      netip.Prefix
	Gateway string
	Metric  uint // 0 leaves it to libvirt, which takes 1
}

// DNS is what dnsmasq answers to guests beside their own names.
type DNS struct {
	Disabled   bool
	Hosts      []DNSHost
	Forwarders []Forwarder
}

// DNSHost is an address with its names.
type DNSHost struct {
	IP    string
	Names []string
}

// Forwarder is a DNS server that is asked, for all names or for those of a domain. Without an address
// the names of the domain are left to the host's own servers.
type Forwarder struct{ Domain, Address string }
