package virt

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/beevik/etree"
)

// ipElement is the address of a family that n models: the one that has DHCP, of which libvirt allows
// one, or else the first.
func ipElement(root *etree.Element, family func(*etree.Element) bool) *etree.Element {
	var first *etree.Element
	for _, element := range root.SelectElements("ip") {
		switch {
		case !family(element):
		case element.SelectElement("dhcp") != nil:
			return element
		case first == nil:
			first = element
		}
	}
	return first
}

func isIPv4(ip *etree.Element) bool { return ip.SelectAttrValue("family", "ipv4") == "ipv4" }
func isIPv6(ip *etree.Element) bool { return !isIPv4(ip) }

func parseNetwork(root *etree.Element) (Network, error) {
	n := Network{
		Name:     root.SelectElement("name").NotNil().Text(),
		UUID:     root.SelectElement("uuid").NotNil().Text(),
		Mode:     ModeIsolated,
		Domain:   attr(root.SelectElement("domain"), "name"),
		TFTPRoot: attr(ipElement(root, isIPv4).NotNil().SelectElement("tftp"), "root"),
		DNS:      parseDNS(root.SelectElement("dns")),
	}
	if forward := root.SelectElement("forward"); forward != nil {
		n.Mode = forward.SelectAttrValue("mode", ModeNAT) // "If there is no mode attribute, nat is the default"
	}
	bridge := root.SelectElement("bridge").NotNil()
	n.Bridge = attr(bridge, "name")
	n.OpenVSwitch = attr(root.SelectElement("virtualport"), "type") == "openvswitch"
	if n.Mode != ModeBridge {
		n.STP = bridge.SelectAttrValue("stp", "on") == "on"
	}
	for _, option := range root.SelectElement(optionsElement).NotNil().SelectElements(optionElement) {
		n.Options = append(n.Options, attr(option, "value"))
	}
	var problems [5]error
	n.Delay, problems[0] = parseNumber(bridge, "delay")
	n.MTU, problems[1] = parseNumber(root.SelectElement("mtu"), "size")
	n.VLANs, problems[2] = parseVLANs(root.SelectElement("vlan").NotNil())
	n.IPv4, problems[3] = parseIP(ipElement(root, isIPv4))
	n.IPv6, problems[4] = parseIP(ipElement(root, isIPv6))
	if err := errors.Join(problems[:]...); err != nil {
		return Network{}, fmt.Errorf("network XML: %w", err)
	}
	return n, nil
}

func parseNumber(element *etree.Element, key string) (uint, error) {
	text := attr(element, key)
	if text == "" {
		return 0, nil
	}
	value, err := strconv.ParseUint(text, 10, 32)
	return uint(value), err
}

func parseVLANs(vlan *etree.Element) ([]uint, error) {
	var tags []uint
	for _, tag := range vlan.SelectElements("tag") {
		id, err := parseNumber(tag, "id")
		if err != nil {
			return nil, err
		}
		tags = append(tags, id)
	}
	return tags, nil
}

func parseIP(element *etree.Element) (*IP, error) {
	if element == nil {
		return nil, nil
	}
	address, err := netip.ParseAddr(attr(element, "address"))
	if err != nil {
		return nil, err
	}
	bits, err := parseNumber(element, "prefix")
	if err != nil {
		return nil, err
	}
	if netmask := attr(element, "netmask"); netmask != "" {
		if bits, err = maskBits(netmask); err != nil {
			return nil, err
		}
	}
	ip := &IP{Address: netip.PrefixFrom(address, int(bits))}
	if dhcp := element.SelectElement("dhcp"); dhcp != nil {
		ip.DHCP, err = parseDHCP(dhcp)
	}
	return ip, err
}

func parseDHCP(dhcp *etree.Element) (*DHCP, error) {
	bootp := dhcp.SelectElement("bootp")
	d := &DHCP{Bootfile: attr(bootp, "file"), NextServer: attr(bootp, "server")}
	for _, r := range dhcp.SelectElements("range") {
		d.Ranges = append(d.Ranges, Range{Start: attr(r, "start"), End: attr(r, "end")})
	}
	for _, host := range dhcp.SelectElements("host") {
		d.Reservations = append(d.Reservations, Reservation{
			MAC: attr(host, "mac"), DUID: attr(host, "id"), IP: attr(host, "ip"), Hostname: attr(host, "name"),
		})
	}
	for _, lease := range dhcp.FindElements("*/lease") {
		seconds, err := leaseSeconds(lease)
		if err != nil {
			return nil, err
		}
		d.LeaseSeconds = max(d.LeaseSeconds, seconds)
	}
	return d, nil
}

// leaseSeconds reads a lease time; libvirt's unit is minutes unless it says otherwise.
func leaseSeconds(lease *etree.Element) (uint, error) {
	expiry, err := parseNumber(lease, "expiry")
	switch lease.SelectAttrValue("unit", "minutes") {
	case "seconds":
		return expiry, err
	case "hours":
		return expiry * 3600, err
	default:
		return expiry * 60, err
	}
}

func parseDNS(dns *etree.Element) *DNS {
	if dns == nil {
		return nil
	}
	d := &DNS{Disabled: attr(dns, "enable") == "no"}
	for _, host := range dns.SelectElements("host") {
		d.Hosts = append(d.Hosts, parseDNSHost(host))
	}
	for _, forwarder := range dns.SelectElements("forwarder") {
		d.Forwarders = append(d.Forwarders, parseForwarder(forwarder))
	}
	if d.isEmpty() {
		return nil
	}
	return d
}

func parseDNSHost(host *etree.Element) DNSHost {
	read := DNSHost{IP: attr(host, "ip")}
	for _, name := range host.SelectElements("hostname") {
		read.Names = append(read.Names, name.Text())
	}
	return read
}

func parseForwarder(forwarder *etree.Element) Forwarder {
	return Forwarder{Domain: attr(forwarder, "domain"), Address: attr(forwarder, "addr")}
}

// maskBits is the length of a prefix that is written as a netmask, such as 255.255.255.0.
func maskBits(netmask string) (uint, error) {
	mask, err := netip.ParseAddr(netmask)
	if err != nil {
		return 0, err
	}
	ones, bits := net.IPMask(mask.AsSlice()).Size()
	if bits != 32 {
		return 0, fmt.Errorf("%q is not a netmask", netmask)
	}
	return uint(ones), nil
}
