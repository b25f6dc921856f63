package virt

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// isolated is the mode of a network without a forward element.
const isolated = "isolated"

// definition is the part of a network that its XML holds, comparable.
func (n Network) definition() string {
	n.UUID, n.Autostart, n.Active = "", false, false
	ipv4 := n.IPv4
	n.IPv4 = nil
	text := fmt.Sprintf("%+v", n)
	if ipv4 != nil {
		text += ipv4.Address.String()
		if d := ipv4.DHCP; d != nil && len(d.Ranges)+len(d.Reservations) > 0 { // else libvirt drops it
			text += fmt.Sprintf("%+v", *ipv4.DHCP)
		}
	}
	return text
}

// applyTo writes what n models into a definition and leaves the rest of it alone.
func (n Network) applyTo(doc *libvirtxml.Network) {
	n.applyForward(doc)
	if n.Bridge != "" {
		doc.Bridge = merged(doc.Bridge, true, func(b *libvirtxml.NetworkBridge) { b.Name = n.Bridge })
	}
	doc.Domain = merged(doc.Domain, n.Domain != "", func(d *libvirtxml.NetworkDomain) { d.Name = n.Domain })
	doc.MTU = merged(doc.MTU, n.MTU != 0, func(m *libvirtxml.NetworkMTU) { m.Size = n.MTU })
	n.applyIPv4(doc)
}

func (n Network) applyForward(doc *libvirtxml.Network) {
	doc.Forward = merged(doc.Forward, n.Mode != isolated, func(f *libvirtxml.NetworkForward) { f.Mode = n.Mode })
	if doc.Forward != nil && n.Mode != "nat" {
		doc.Forward.NAT = nil
	}
}

func (n Network) applyIPv4(doc *libvirtxml.Network) {
	at := slices.IndexFunc(doc.IPs, isIPv4)
	switch {
	case n.IPv4 == nil && at >= 0:
		doc.IPs = slices.Delete(doc.IPs, at, at+1)
		return
	case n.IPv4 == nil:
		return
	case at < 0:
		doc.IPs = append([]libvirtxml.NetworkIP{{}}, doc.IPs...)
		at = 0
	}
	ip := &doc.IPs[at]
	ip.Address = n.IPv4.Address.Addr().String()
	ip.Prefix, ip.Netmask = uint(n.IPv4.Address.Bits()), ""
	ip.TFTP = merged(ip.TFTP, n.TFTPRoot != "", func(t *libvirtxml.NetworkTFTP) { t.Root = n.TFTPRoot })
	ip.DHCP = merged(ip.DHCP, n.IPv4.DHCP != nil, n.IPv4.DHCP.applyTo)
}

func (d *DHCP) applyTo(doc *libvirtxml.NetworkDHCP) {
	doc.Ranges = nil
	for _, r := range d.Ranges {
		doc.Ranges = append(doc.Ranges, libvirtxml.NetworkDHCPRange{Start: r.Start, End: r.End, Lease: lease(d.LeaseSeconds)})
	}
	old := doc.Hosts
	doc.Hosts = nil
	for _, r := range d.Reservations {
		host := libvirtxml.NetworkDHCPHost{MAC: r.MAC}
		if at := slices.IndexFunc(old, func(h libvirtxml.NetworkDHCPHost) bool { return strings.EqualFold(h.MAC, r.MAC) }); at >= 0 {
			host = old[at]
		}
		host.IP, host.Name, host.Lease = r.IP, r.Hostname, lease(d.LeaseSeconds)
		doc.Hosts = append(doc.Hosts, host)
	}
	doc.Bootp = nil
	if d.Bootfile != "" || d.NextServer != "" {
		doc.Bootp = []libvirtxml.NetworkBootp{{File: d.Bootfile, Server: d.NextServer}}
	}
}

func lease(seconds uint) *libvirtxml.NetworkDHCPLease {
	if seconds == 0 {
		return nil
	}
	return &libvirtxml.NetworkDHCPLease{Expiry: seconds, Unit: "seconds"}
}

// merged is the element after a change: nil when it is not wanted, else the old one or a new one
// with the change made to it.
func merged[T any](old *T, wanted bool, change func(*T)) *T {
	if !wanted {
		return nil
	}
	if old == nil {
		old = new(T)
	}
	change(old)
	return old
}

func parseNetwork(text string) (Network, error) {
	var doc libvirtxml.Network
	if err := doc.Unmarshal(text); err != nil {
		return Network{}, fmt.Errorf("network XML: %w", err)
	}
	n := Network{Name: doc.Name, UUID: doc.UUID, Mode: isolated}
	if doc.Forward != nil {
		n.Mode = doc.Forward.Mode
		if n.Mode == "" {
			n.Mode = "nat" // https://libvirt.org/formatnetwork.html: "If there is no mode attribute, nat is the default"
		}
	}
	if doc.Bridge != nil {
		n.Bridge = doc.Bridge.Name
	}
	if doc.Domain != nil {
		n.Domain = doc.Domain.Name
	}
	if doc.MTU != nil {
		n.MTU = doc.MTU.Size
	}
	at := slices.IndexFunc(doc.IPs, isIPv4)
	if at < 0 {
		return n, nil
	}
	ip := doc.IPs[at]
	if ip.TFTP != nil {
		n.TFTPRoot = ip.TFTP.Root
	}
	var err error
	n.IPv4, err = parseIPv4(ip)
	return n, err
}

func isIPv4(ip libvirtxml.NetworkIP) bool { return ip.Family == "" || ip.Family == "ipv4" }

func parseIPv4(ip libvirtxml.NetworkIP) (*IPv4, error) {
	address, err := netip.ParseAddr(ip.Address)
	if err != nil {
		return nil, fmt.Errorf("network XML: %w", err)
	}
	bits := int(ip.Prefix)
	if ip.Netmask != "" {
		if bits, err = maskBits(ip.Netmask); err != nil {
			return nil, fmt.Errorf("network XML: %w", err)
		}
	}
	read := &IPv4{Address: netip.PrefixFrom(address, bits)}
	if ip.DHCP != nil {
		read.DHCP = parseDHCP(*ip.DHCP)
	}
	return read, nil
}

func parseDHCP(doc libvirtxml.NetworkDHCP) *DHCP {
	d := &DHCP{}
	for _, r := range doc.Ranges {
		d.Ranges = append(d.Ranges, Range{Start: r.Start, End: r.End})
		d.LeaseSeconds = max(d.LeaseSeconds, leaseSeconds(r.Lease))
	}
	for _, h := range doc.Hosts {
		d.Reservations = append(d.Reservations, Reservation{MAC: h.MAC, IP: h.IP, Hostname: h.Name})
		d.LeaseSeconds = max(d.LeaseSeconds, leaseSeconds(h.Lease))
	}
	if len(doc.Bootp) > 0 {
		d.Bootfile, d.NextServer = doc.Bootp[0].File, doc.Bootp[0].Server
	}
	return d
}

// leaseSeconds reads a lease time; libvirt's unit is minutes unless it says otherwise.
func leaseSeconds(l *libvirtxml.NetworkDHCPLease) uint {
	switch {
	case l == nil:
		return 0
	case l.Unit == "seconds":
		return l.Expiry
	case l.Unit == "hours":
		return l.Expiry * 3600
	default:
		return l.Expiry * 60
	}
}

// maskBits is the length of a prefix that is written as a netmask, such as 255.255.255.0.
func maskBits(netmask string) (int, error) {
	mask, err := netip.ParseAddr(netmask)
	if err != nil {
		return 0, err
	}
	ones, bits := net.IPMask(mask.AsSlice()).Size()
	if bits != 32 {
		return 0, fmt.Errorf("%q is not a netmask", netmask)
	}
	return ones, nil
}
