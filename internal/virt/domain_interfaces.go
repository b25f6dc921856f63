package virt

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// editInterfaces makes the domain's interfaces those of d, in their order. One that stays, by its MAC,
// keeps what d does not model.
func (d Domain) editInterfaces(devices *etree.Element, now Domain) {
	old := devices.SelectElements("interface")
	var wanted []*etree.Element
	for _, nic := range d.Interfaces {
		element, before := etree.NewElement("interface"), Interface{}
		if at := slices.IndexFunc(now.Interfaces, nic.isSame); at >= 0 {
			element, before = old[at], now.Interfaces[at]
		}
		nic.edit(element, before)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

// isSame tells whether the other is this interface, changed perhaps.
func (nic Interface) isSame(other Interface) bool { return strings.EqualFold(nic.MAC, other.MAC) }

// edit writes what nic models into an element that says now.
func (nic Interface) edit(element *etree.Element, now Interface) {
	if !nic.isSame(now) {
		child(element, "mac").CreateAttr("address", nic.MAC)
	}
	if nic.Model != "" {
		editNamed(element, "model", "type", nic.Model)
	}
	editNamed(element, "mtu", "size", number(nic.MTU))
	if now.VLAN != nic.VLAN { // a trunk is not modelled
		removeAll(element, "vlan")
		if nic.VLAN != 0 {
			element.CreateElement("vlan").CreateElement("tag").CreateAttr("id", number(nic.VLAN))
		}
	}
	if now.Down != nic.Down {
		editNamed(element, "link", "state", linkState(nic.Down))
	}
	if now.Network == nic.Network && now.Bridge == nic.Bridge {
		return
	}
	removeAll(element, "source") // with what belongs to the network or bridge that it was
	source := element.CreateElement("source")
	if nic.Network != "" {
		element.CreateAttr("type", "network")
		source.CreateAttr("network", nic.Network)
	} else {
		element.CreateAttr("type", "bridge")
		source.CreateAttr("bridge", nic.Bridge)
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
	}
	if len(tags) == 1 && attr(vlan, "trunk") == "" {
		nic.VLAN = tags[0]
	}
	source := element.SelectElement("source")
	switch attr(element, "type") {
	case "network":
		nic.Network = attr(source, "network")
	case "bridge":
		nic.Bridge = attr(source, "bridge")
	}
	return nic, nil
}
