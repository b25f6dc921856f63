package virt

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// A network's definition is changed in libvirt's XML, element by element, so that everything that Network does not
// model stays in it. Elements: https://libvirt.org/formatnetwork.html

// dnsmasqNamespace is the namespace of raw options: https://libvirt.org/formatnetwork.html#network-namespaces
const dnsmasqNamespace = "http://libvirt.org/schemas/network/dnsmasq/1.0"

const (
	optionsElement = "dnsmasq:options"
	optionElement  = "dnsmasq:option"
)

// sameDefinition reports whether the XML of both networks would be the same.
func (n Network) sameDefinition(other Network) bool {
	return reflect.DeepEqual(n.definition(), other.definition())
}

// definition returns the part of a network that its XML holds, in a fixed order and without what libvirt drops.
func (n Network) definition() Network {
	n.UUID, n.Autostart, n.Active, n.Running, n.Parked = "", false, false, nil, false
	n.VLANs, n.Options = sorted(n.VLANs), clone(n.Options)
	n.IPv4, n.IPv6 = n.IPv4.definition(), n.IPv6.definition()
	n.DNS = n.DNS.definition()
	n.Devices, n.Routes, n.Unmodelled = clone(n.Devices), sorted(n.Routes), nil
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

// sorted returns a sorted copy, in the order of the printed values. An empty copy is nil.
func sorted[T any](values []T) []T {
	copied := clone(values)
	slices.SortFunc(copied, func(a, b T) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return copied
}

// clone returns a copy. An empty copy is nil.
func clone[T any](values []T) []T { return append([]T(nil), values...) }

// newXML returns the definition of a new network.
func (n Network) newXML() *etree.Element {
	root := etree.NewElement("network")
	root.CreateElement("name").SetText(n.Name)
	n.edit(root)
	return root
}

// edit writes what n models into a definition, and leaves the rest as it is.
func (n Network) edit(root *etree.Element) {
	n.editForward(root)
	n.editBridge(root)
	editNamed(root, "domain", "name", n.Domain)
	editNamed(root, "mtu", "size", number(n.MTU))
	n.editIP(root, n.IPv4, isIPv4)
	n.editIP(root, n.IPv6, isIPv6)
	n.DNS.edit(root)
	n.editRoutes(root)
	n.editOptions(root)
}

func (n Network) editForward(root *etree.Element) {
	if n.Mode == ModeIsolated {
		removeAll(root, "forward")
		return
	}
	forward := child(root, "forward")
	if forwardMode(forward) != n.Mode || attr(forward, "mode") == "" {
		forward.CreateAttr("mode", n.Mode)
	}
	if n.Mode != ModeNAT {
		removeAll(forward, "nat")
	}
	if n.Mode != ModeHostdev { // their PCI addresses are not modelled
		forward.RemoveAttr("managed")
		removeAll(forward, "driver")
		removeAll(forward, "address")
	}
	if slices.Equal(forwardDevices(forward), n.Devices) && attr(forward.SelectElement("pf"), "dev") == n.PF {
		return
	}
	removeAll(forward, "address")
	editNamed(forward, "pf", "dev", n.PF)
	forward.RemoveAttr("dev") // libvirt adds it
	replaceAll(forward, "interface", n.Devices, func(old *etree.Element, device string) bool {
		return attr(old, "dev") == device
	}, func(element *etree.Element, device string) { element.CreateAttr("dev", device) })
}

func (n Network) editBridge(root *etree.Element) {
	switch {
	case !n.HasBridge():
		removeAll(root, "bridge")
	case n.MakesBridge():
		bridge := child(root, "bridge")
		setAttr(bridge, "name", n.Bridge)
		bridge.CreateAttr("stp", map[bool]string{true: "on", false: "off"}[n.STP])
		bridge.CreateAttr("delay", strconv.FormatUint(uint64(n.Delay), 10))
	default:
		bridge := child(root, "bridge")
		bridge.CreateAttr("name", n.Bridge)
		bridge.RemoveAttr("stp")
		bridge.RemoveAttr("delay")
	}
	if !n.MakesBridge() { // libvirt does not make the bridge, so its MAC address is not ours
		removeAll(root, "mac")
	}
	if isOpenVSwitch(root) != n.OpenVSwitch {
		editNamed(root, "virtualport", "type", map[bool]string{true: "openvswitch"}[n.OpenVSwitch])
	}
	n.editVLANs(root)
}

func isOpenVSwitch(root *etree.Element) bool {
	return attr(root.SelectElement("virtualport"), "type") == "openvswitch"
}

// editVLANs keeps a trunk of one VLAN and a native VLAN as they are.
func (n Network) editVLANs(root *etree.Element) {
	if before, err := parseVLANs(root.SelectElement("vlan").NotNil()); err == nil && slices.Equal(sorted(before), sorted(n.VLANs)) {
		return
	}
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

func (n Network) editRoutes(root *etree.Element) {
	is := func(old *etree.Element, r Route) bool {
		read, err := parseRoute(old)
		return err == nil && read == r
	}
	replaceAll(root, "route", n.Routes, is, func(element *etree.Element, r Route) {
		if is(element, r) { // it may be written differently
			return
		}
		setAttr(element, "family", map[bool]string{true: "ipv6"}[r.To.Addr().Is6()])
		writePrefix(element, r.To)
		element.CreateAttr("gateway", r.Gateway)
		setAttr(element, "metric", number(r.Metric))
	})
}

// writePrefix writes an address with the length of its network's prefix, if the element has another prefix.
func writePrefix(element *etree.Element, p netip.Prefix) {
	if before, err := parsePrefix(element); err == nil && before == p {
		return
	}
	element.CreateAttr("address", p.Addr().String())
	element.CreateAttr("prefix", strconv.Itoa(p.Bits()))
	element.RemoveAttr("netmask")
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
	writePrefix(element, ip.Address)
	if ip.Address.Addr().Is4() {
		editNamed(element, "tftp", "root", n.TFTPRoot)
	}
	if ip.DHCP == nil {
		removeAll(element, "dhcp")
	} else {
		ip.DHCP.edit(child(element, "dhcp"))
	}
}
