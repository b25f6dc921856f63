package virt

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// ipElement returns the address of a family that n models: the address with DHCP, of which libvirt allows one, or
// otherwise the first address.
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
		n.Mode = forwardMode(forward)
		n.Devices, n.PF = forwardDevices(forward), attr(forward.SelectElement("pf"), "dev")
	}
	bridge := root.SelectElement("bridge").NotNil()
	n.Bridge = attr(bridge, "name")
	n.OpenVSwitch = attr(root.SelectElement("virtualport"), "type") == "openvswitch"
	if n.MakesBridge() {
		n.STP = bridge.SelectAttrValue("stp", "on") == "on"
	}
	for _, option := range root.SelectElement(optionsElement).NotNil().SelectElements(optionElement) {
		n.Options = append(n.Options, attr(option, "value"))
	}
	var problems [6]error
	n.Delay, problems[0] = parseNumber(bridge, "delay")
	n.MTU, problems[1] = parseNumber(root.SelectElement("mtu"), "size")
	n.VLANs, problems[2] = parseVLANs(root.SelectElement("vlan").NotNil())
	n.IPv4, problems[3] = parseIP(ipElement(root, isIPv4))
	n.IPv6, problems[4] = parseIP(ipElement(root, isIPv6))
	n.Routes, problems[5] = parseRoutes(root)
	if err := errors.Join(problems[:]...); err != nil {
		return Network{}, fmt.Errorf("network XML: %w", err)
	}
	n.Unmodelled = unmodelled(root)
	return n, nil
}

func forwardMode(forward *etree.Element) string {
	switch mode := forward.SelectAttrValue("mode", ModeNAT); mode { // "If there is no mode attribute, nat is the default"
	case "none":
		return ModeIsolated
	default:
		return mode
	}
}

// forwardDevices returns the host's devices. For a running network, libvirt also shows devices that it found by a
// physical function. Those do not belong to the definition: libvirt src/network/bridge_driver.c,
// networkCreateInterfacePool().
func forwardDevices(forward *etree.Element) []string {
	if forward.SelectElement("pf") != nil {
		return nil
	}
	var devices []string
	for _, device := range forward.SelectElements("interface") {
		devices = append(devices, attr(device, "dev"))
	}
	if first := attr(forward, "dev"); first != "" && devices == nil {
		return []string{first}
	}
	return devices
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
	address, err := parsePrefix(element)
	if err != nil {
		return nil, err
	}
	ip := &IP{Address: address}
	if dhcp := element.SelectElement("dhcp"); dhcp != nil {
		ip.DHCP, err = parseDHCP(dhcp)
	}
	return ip, err
}

// parsePrefix reads an address with the length of its network's prefix. A definition may also have a netmask, or
// leave the length to libvirt: src/util/virsocketaddr.c, virSocketAddrGetIPPrefix().
func parsePrefix(element *etree.Element) (netip.Prefix, error) {
	address, err := netip.ParseAddr(attr(element, "address"))
	if err != nil {
		return netip.Prefix{}, err
	}
	bits, err := parseNumber(element, "prefix")
	switch netmask := attr(element, "netmask"); {
	case err != nil:
	case netmask != "":
		bits, err = maskBits(netmask)
	case bits == 0:
		bits = usualBits(address)
	}
	return netip.PrefixFrom(address, int(bits)), err
}

// usualBits returns the prefix length of an address's class, from the time before prefixes.
func usualBits(address netip.Addr) uint {
	if address.IsUnspecified() {
		return 0
	}
	if address.Is6() {
		return 64
	}
	switch first := address.As4()[0]; {
	case first < 0x80:
		return 8
	case first < 0xc0:
		return 16
	default:
		return 24
	}
}

func parseRoutes(root *etree.Element) ([]Route, error) {
	var routes []Route
	for _, element := range root.SelectElements("route") {
		route, err := parseRoute(element)
		if err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func parseRoute(element *etree.Element) (Route, error) {
	to, err := parsePrefix(element)
	if err != nil {
		return Route{}, err
	}
	metric, err := parseNumber(element, "metric")
	return Route{to, attr(element, "gateway"), metric}, err
}

func parseDHCP(dhcp *etree.Element) (*DHCP, error) {
	bootp := dhcp.SelectElement("bootp")
	d := &DHCP{Bootfile: attr(bootp, "file"), NextServer: attr(bootp, "server")}
	var problems []error
	lease := func(of *etree.Element) Lease {
		read, err := parseLease(of.SelectElement("lease"))
		problems = append(problems, err)
		return read
	}
	for _, r := range dhcp.SelectElements("range") {
		d.Ranges = append(d.Ranges, Range{attr(r, "start"), attr(r, "end"), lease(r)})
	}
	for _, host := range dhcp.SelectElements("host") {
		d.Reservations = append(d.Reservations, parseReservation(host, lease(host)))
	}
	return d, errors.Join(problems...)
}

// parseReservation reads the reservation of a host, in lower case. libvirt ignores the id of an IPv4 host, and keeps
// it: src/util/virdnsmasq.c, hostsfileAdd().
func parseReservation(host *etree.Element, lease Lease) Reservation {
	r := Reservation{MAC: canonicalMAC(attr(host, "mac")), IP: attr(host, "ip"), Hostname: attr(host, "name"), Lease: lease}
	if r.isIPv6() {
		r.DUID = strings.ToLower(attr(host, "id"))
	}
	return r
}

// canonicalMAC writes each octet with two lower-case digits. libvirt also accepts one: src/util/virmacaddr.c,
// virMacAddrParse().
func canonicalMAC(text string) string {
	octets := strings.Split(strings.ToLower(text), ":")
	for i, octet := range octets {
		if len(octet) == 1 {
			octets[i] = "0" + octet
		}
	}
	return strings.Join(octets, ":")
}

func (r Reservation) isIPv6() bool { return strings.Contains(r.IP, ":") }

// parseLease reads a lease time. libvirt's default unit is minutes, and a time of 0 never ends.
func parseLease(lease *etree.Element) (Lease, error) {
	if lease == nil {
		return 0, nil
	}
	expiry, err := parseNumber(lease, "expiry")
	if expiry == 0 {
		return Endless, err
	}
	switch lease.SelectAttrValue("unit", "minutes") {
	case "seconds":
		return Lease(expiry), err
	case "hours":
		return Lease(expiry) * 3600, err
	default:
		return Lease(expiry) * 60, err
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

// maskBits returns the length of a prefix that is written as a netmask, such as 255.255.255.0.
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
