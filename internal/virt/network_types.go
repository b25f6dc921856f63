package virt

import (
	"net/netip"
	"slices"
)

// Network is a libvirt network. It is either a bridge with DHCP, DNS and TFTP by dnsmasq, or something that the host
// already has and that guests are plugged into: a bridge or network devices.
type Network struct {
	Name        string
	UUID        string
	Mode        string   // a Mode… constant
	Bridge      string   // "" lets libvirt choose, if libvirt makes one
	Devices     []string // of the host: guests share them by macvtap, or the host forwards through the only one
	PF          string   // host device whose virtual functions guests get
	OpenVSwitch bool     // the bridge belongs to Open vSwitch
	VLANs       []uint   // tags of the guests' packets on a bridge of Open vSwitch; several tags make a trunk
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

	// Running is the network that still runs, if it differs from the defined one: another user or program changed
	// only the definition, or a change was interrupted. It is never passed to libvirt.
	Running *Network

	// Unmodelled is what the definition has in addition to the other fields, in words for a user. It stays as it is.
	Unmodelled []string

	// Parked says that a change was interrupted, so guests may be plugged into another network. UpdateNetwork plugs
	// them in again. It is never passed to libvirt.
	Parked bool
}

// Modes of Network.Mode.
const (
	ModeNAT      = "nat"
	ModeRoute    = "route"
	ModeOpen     = "open"     // routed, without firewall rules
	ModeIsolated = "isolated" // no way to other networks
	ModeBridge   = "bridge"   // a bridge that the host already has, or its devices by macvtap

	// Modes of macvtap, which differ in how guests on one device reach each other.
	ModePrivate     = "private"
	ModeVEPA        = "vepa"
	ModePassthrough = "passthrough" // each device belongs to one guest

	ModeHostdev = "hostdev" // virtual functions of a PCI device are assigned to guests
)

// MakesBridge reports whether libvirt makes the network's bridge, and serves addresses and names on it.
func (n Network) MakesBridge() bool { return MakesBridge(n.Mode) }

// MakesBridge reports the same for a mode.
func MakesBridge(mode string) bool {
	return slices.Contains([]string{ModeNAT, ModeRoute, ModeOpen, ModeIsolated}, mode)
}

// HasBridge reports whether guests are plugged into a bridge.
func (n Network) HasBridge() bool { return n.MakesBridge() || n.Bridge != "" }

// IP is the host's address on a network, and what dnsmasq offers there.
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

// Lease is how many seconds a lease lasts. 0 leaves it to dnsmasq, which uses one hour.
type Lease int64

// Endless is a lease that never ends.
const Endless Lease = -1

// Range is a range of addresses, both ends included.
type Range struct {
	Start, End string
	Lease      Lease
}

// Reservation gives a guest a fixed address: in IPv4 by its MAC address or its name, in IPv6 by its DUID or its name.
type Reservation struct {
	MAC, DUID, IP, Hostname string
	Lease                   Lease
}

// Route is a route of the host through a gateway on the network.
type Route struct {
	To      netip.Prefix
	Gateway string
	Metric  uint // 0 leaves it to libvirt, which uses 1
}

// DNS is what dnsmasq answers to guests in addition to the guests' own names.
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

// Forwarder is a DNS server that dnsmasq asks for all names, or for the names of a domain. Without an address,
// dnsmasq asks the host's own servers for the names of the domain.
type Forwarder struct{ Domain, Address string }
