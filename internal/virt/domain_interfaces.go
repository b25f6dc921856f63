package virt

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// editInterfaces makes the domain's interfaces those of d, in order. An interface that stays (the same MAC address)
// keeps what d does not model.
func (d Domain) editInterfaces(devices *etree.Element, now Domain) {
	old := interfaceElements(devices)
	var wanted []*etree.Element
	for _, nic := range d.Interfaces {
		element, before := etree.NewElement("interface"), Interface{}
		if at := slices.IndexFunc(now.Interfaces, nic.Is); at >= 0 {
			element, before = old[at], now.Interfaces[at]
		} else {
			d.addNoROM(element)
		}
		nic.edit(element, before)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

// interfaceElements returns the elements of Domain.Interfaces, in order.
func interfaceElements(devices *etree.Element) []*etree.Element {
	return slices.DeleteFunc(devices.SelectElements("interface"), func(e *etree.Element) bool { return !hasPlace(e) })
}

// Is reports whether the other is this interface, possibly with changes.
func (nic Interface) Is(other Interface) bool { return strings.EqualFold(nic.MAC, other.MAC) }

// isAt reports whether the interface is attached where the other is.
func (nic Interface) isAt(other Interface) bool { return nic.at(other) == nic }

// at returns the interface, attached where the other is.
func (nic Interface) at(other Interface) Interface {
	nic.Network, nic.PortGroup, nic.Bridge, nic.Device, nic.Mode, nic.PCI = other.Network, other.PortGroup, other.Bridge, other.Device, other.Mode, other.PCI
	return nic
}

// edit writes what nic models into an element whose current content is now.
func (nic Interface) edit(element *etree.Element, now Interface) {
	if !nic.Is(now) {
		child(element, "mac").CreateAttr("address", nic.MAC)
	}
	if nic.Model != "" && nic.PCI == "" { // a host device has no choice of model
		editNamed(element, "model", "type", nic.Model)
	}
	editNamed(element, "mtu", "size", number(nic.MTU))
	if now.VLAN != nic.VLAN { // a VLAN trunk is not modelled
		removeAll(element, "vlan")
		if nic.VLAN != 0 {
			element.CreateElement("vlan").CreateElement("tag").CreateAttr("id", number(nic.VLAN))
		}
	}
	if now.Queues != nic.Queues {
		editDriver(element, "queues", number(nic.Queues))
	}
	if now.TrustRx != nic.TrustRx {
		setAttr(element, "trustGuestRxFilters", map[bool]string{true: "yes"}[nic.TrustRx])
	}
	if now.Down != nic.Down {
		editNamed(element, "link", "state", linkState(nic.Down))
	}
	if now.isAt(nic) {
		return
	}
	if (now.PCI == "") != (nic.PCI == "") { // a host device has another address in the guest, and no model
		removeAll(element, "address")
		removeAll(element, "driver")
		editNamed(element, "model", "type", map[bool]string{true: nic.Model}[nic.PCI == ""])
	}
	nic.editPlace(element)
}

// hasPlace reports whether Interface can express where an interface is attached.
// https://libvirt.org/formatdomain.html#network-interfaces
func hasPlace(element *etree.Element) bool {
	nic := Interface{}
	nic.parsePlace(element)
	return nic != Interface{}
}

// editPlace writes where the interface is attached, and removes what belongs to its old place.
func (nic Interface) editPlace(element *etree.Element) {
	removeAll(element, "source")
	element.RemoveAttr("managed")
	source := element.CreateElement("source")
	switch {
	case nic.Network != "":
		element.CreateAttr("type", "network")
		source.CreateAttr("network", nic.Network)
		setAttr(source, "portgroup", nic.PortGroup)
	case nic.Bridge != "":
		element.CreateAttr("type", "bridge")
		source.CreateAttr("bridge", nic.Bridge)
	case nic.Device != "":
		element.CreateAttr("type", "direct")
		source.CreateAttr("dev", nic.Device)
		setAttr(source, "mode", nic.Mode)
	default:
		element.CreateAttr("type", "hostdev")
		element.CreateAttr("managed", "yes")
		editPCI(source.CreateElement("address"), nic.PCI)
	}
}

// parsePlace reads where an interface is attached.
func (nic *Interface) parsePlace(element *etree.Element) {
	source := element.SelectElement("source").NotNil()
	switch attr(element, "type") {
	case "network":
		nic.Network, nic.PortGroup = attr(source, "network"), attr(source, "portgroup")
	case "bridge":
		nic.Bridge = attr(source, "bridge")
	case "direct":
		nic.Device, nic.Mode = attr(source, "dev"), source.SelectAttrValue("mode", "vepa") // libvirt's default
	case "hostdev":
		nic.PCI = parsePCI(source.SelectElement("address"))
	}
}

// editDriver sets or removes an attribute of a device's driver. It removes the driver if nothing is left of it.
func editDriver(device *etree.Element, key, value string) {
	driver := child(device, "driver")
	setAttr(driver, key, value)
	if len(driver.Attr)+len(driver.ChildElements()) == 0 {
		device.RemoveChild(driver)
	}
}

func linkState(down bool) string {
	if down {
		return "down"
	}
	return "up"
}

func parseInterface(element *etree.Element) (Interface, error) {
	mtu, err := parseNumber(element.SelectElement("mtu"), "size")
	if err != nil {
		return Interface{}, err
	}
	queues, err := parseNumber(element.SelectElement("driver"), "queues")
	if err != nil {
		return Interface{}, err
	}
	vlan := element.SelectElement("vlan").NotNil()
	tags, err := parseVLANs(vlan)
	if err != nil {
		return Interface{}, err
	}
	nic := Interface{
		MAC:   strings.ToLower(attr(element.SelectElement("mac"), "address")),
		Model: attr(element.SelectElement("model"), "type"),
		MTU:   mtu,
		Down:  attr(element.SelectElement("link"), "state") == "down",

		Queues:  queues,
		TrustRx: attr(element, "trustGuestRxFilters") == "yes",
	}
	if len(tags) == 1 && attr(vlan, "trunk") == "" {
		nic.VLAN = tags[0]
	}
	nic.parsePlace(element)
	return nic, nil
}
