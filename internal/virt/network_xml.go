package virt

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// A network's definition is changed in the XML that libvirt has, element by element, so that whatever
// Network does not model stays in it. Elements: https://libvirt.org/formatnetwork.html

// dnsmasqNamespace is that of raw options: https://libvirt.org/formatnetwork.html#network-namespaces
const dnsmasqNamespace = "http://libvirt.org/schemas/network/dnsmasq/1.0"

const (
	optionsElement = "dnsmasq:options"
	optionElement  = "dnsmasq:option"
)

// sameDefinition tells whether the XML of both would say the same.
func (n Network) sameDefinition(other Network) bool {
	return reflect.DeepEqual(n.definition(), other.definition())
}

// definition is the part of a network that its XML holds, in one order and without what libvirt drops.
func (n Network) definition() Network {
	n.UUID, n.Autostart, n.Active, n.Running, n.Parked = "", false, false, nil, false
	n.VLANs, n.Options = sorted(n.VLANs), clone(n.Options)
	n.IPv4, n.IPv6 = n.IPv4.definition(), n.IPv6.definition()
	n.DNS = n.DNS.definition()
	return n
}

func (ip *IP) definition() *IP {
	if ip == nil {
		return nil
	}
	dhcp := ip.DHCP
	if dhcp != nil && len(dhcp.Ranges)+len(dhcp.Reservations) == 0 { // libvirt drops it
		dhcp = nil
	}
	if dhcp != nil {
		ordered := *dhcp
		ordered.Ranges, ordered.Reservations = sorted(dhcp.Ranges), sorted(dhcp.Reservations)
		dhcp = &ordered
	}
	return &IP{ip.Address, dhcp}
}

func (d *DNS) definition() *DNS {
	if d.isEmpty() {
		return nil
	}
	return &DNS{d.Disabled, sorted(d.Hosts), clone(d.Forwarders)}
}

func (d *DNS) isEmpty() bool {
	return d == nil || !d.Disabled && len(d.Hosts)+len(d.Forwarders) == 0
}

// sorted is a copy in the order of what the values look like; nothing is nil.
func sorted[T any](values []T) []T {
	copied := clone(values)
	slices.SortFunc(copied, func(a, b T) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return copied
}

// clone is a copy; of nothing it is nil.
func clone[T any](values []T) []T { return append([]T(nil), values...) }

// newXML is the definition of a network that is not there yet.
func (n Network) newXML() *etree.Element {
	root := etree.NewElement("network")
	root.CreateElement("name").SetText(n.Name)
	n.edit(root)
	return root
}

// edit writes what n models into a definition, and leaves the rest of it as it is.
func (n Network) edit(root *etree.Element) {
	n.editForward(root)
	n.editBridge(root)
	editNamed(root, "domain", "name", n.Domain)
	editNamed(root, "mtu", "size", number(n.MTU))
	n.editIP(root, n.IPv4, isIPv4)
	n.editIP(root, n.IPv6, isIPv6)
	n.DNS.edit(root)
	n.editOptions(root)
}

func (n Network) editForward(root *etree.Element) {
	if n.Mode == ModeIsolated {
		removeAll(root, "forward")
		return
	}
	forward := child(root, "forward")
	forward.CreateAttr("mode", n.Mode)
	if n.Mode != ModeNAT {
		removeAll(forward, "nat")
	}
}

func (n Network) editBridge(root *etree.Element) {
	bridge := child(root, "bridge")
	setAttr(bridge, "name", n.Bridge)
	if n.Mode == ModeBridge { // libvirt does not make it, so neither its spanning tree nor its MAC is ours
		bridge.RemoveAttr("stp")
		bridge.RemoveAttr("delay")
		removeAll(root, "mac")
	} else {
		bridge.CreateAttr("stp", map[bool]string{true: "on", false: "off"}[n.STP])
		bridge.CreateAttr("delay", strconv.FormatUint(uint64(n.Delay), 10))
	}
	editNamed(root, "virtualport", "type", map[bool]string{true: "openvswitch"}[n.OpenVSwitch])
	n.editVLANs(root)
}

func (n Network) editVLANs(root *etree.Element) {
	if len(n.VLANs) == 0 {
		removeAll(root, "vlan")
		return
	}
	vlan := child(root, "vlan")
	setAttr(vlan, "trunk", map[bool]string{true: "yes"}[len(n.VLANs) > 1])
	replaceAll(vlan, "tag", n.VLANs, func(old *etree.Element, id uint) bool {
		return attr(old, "id") == number(id)
	}, func(tag *etree.Element, id uint) { tag.CreateAttr("id", number(id)) })
}

func (n Network) editIP(root *etree.Element, ip *IP, family func(*etree.Element) bool) {
	element := ipElement(root, family)
	switch {
	case ip == nil && element == nil:
		return
	case ip == nil:
		root.RemoveChild(element)
		return
	case element == nil:
		element = root.CreateElement("ip")
	}
	if ip.Address.Addr().Is6() {
		element.CreateAttr("family", "ipv6")
	}
	element.CreateAttr("address", ip.Address.Addr().String())
	element.CreateAttr("prefix", strconv.Itoa(ip.Address.Bits()))
	element.RemoveAttr("netmask")
	if ip.Address.Addr().Is4() {
		editNamed(element, "tftp", "root", n.TFTPRoot)
	}
	if ip.DHCP == nil {
		removeAll(element, "dhcp")
	} else {
		ip.DHCP.edit(child(element, "dhcp"))
	}
}

func (d *DHCP) edit(dhcp *etree.Element) {
	replaceAll(dhcp, "range", d.Ranges, func(old *etree.Element, r Range) bool {
		return attr(old, "start") == r.Start && attr(old, "end") == r.End
	}, d.editRange)
	replaceAll(dhcp, "host", d.Reservations, func(old *etree.Element, r Reservation) bool {
		return r.MAC != "" && strings.EqualFold(attr(old, "mac"), r.MAC) || r.DUID != "" && attr(old, "id") == r.DUID
	}, d.editHost)
	if d.Bootfile == "" && d.NextServer == "" {
		removeAll(dhcp, "bootp")
		return
	}
	bootp := child(dhcp, "bootp")
	setAttr(bootp, "file", d.Bootfile)
	setAttr(bootp, "server", d.NextServer)
}

func (d *DHCP) editRange(element *etree.Element, r Range) {
	element.CreateAttr("start", r.Start)
	element.CreateAttr("end", r.End)
	d.editLease(element)
}

func (d *DHCP) editHost(element *etree.Element, r Reservation) {
	setAttr(element, "mac", r.MAC)
	setAttr(element, "id", r.DUID)
	setAttr(element, "name", r.Hostname)
	setAttr(element, "ip", r.IP)
	d.editLease(element)
}

func (d *DHCP) editLease(element *etree.Element) {
	if d.LeaseSeconds == 0 {
		removeAll(element, "lease")
		return
	}
	lease := child(element, "lease")
	lease.CreateAttr("expiry", number(d.LeaseSeconds))
	lease.CreateAttr("unit", "seconds")
}

// edit leaves alone what a DNS element may hold beside hosts and forwarders, also where d is nil.
func (d *DNS) edit(root *etree.Element) {
	if d == nil {
		d = &DNS{}
	}
	dns := child(root, "dns")
	setAttr(dns, "enable", map[bool]string{true: "no"}[d.Disabled])
	replaceAll(dns, "forwarder", d.Forwarders, func(old *etree.Element, f Forwarder) bool {
		return parseForwarder(old) == f
	}, func(element *etree.Element, f Forwarder) {
		setAttr(element, "domain", f.Domain)
		setAttr(element, "addr", f.Address)
	})
	replaceAll(dns, "host", d.Hosts, func(old *etree.Element, host DNSHost) bool {
		return reflect.DeepEqual(parseDNSHost(old), host)
	}, editDNSHost)
	if len(dns.Attr)+len(dns.ChildElements()) == 0 {
		root.RemoveChild(dns)
	}
}

func editDNSHost(element *etree.Element, host DNSHost) {
	element.CreateAttr("ip", host.IP)
	removeAll(element, "hostname")
	for _, name := range host.Names {
		element.CreateElement("hostname").SetText(name)
	}
}

func (n Network) editOptions(root *etree.Element) {
	if len(n.Options) == 0 {
		removeAll(root, optionsElement)
		return
	}
	root.CreateAttr("xmlns:dnsmasq", dnsmasqNamespace)
	options := child(root, optionsElement)
	removeAll(options, optionElement)
	for _, option := range n.Options {
		options.CreateElement(optionElement).CreateAttr("value", option)
	}
}
