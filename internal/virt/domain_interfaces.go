package virt

import (
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// applyInterfaces makes the domain's interfaces those of d, in their order. One that stays, by its
// MAC, keeps what d does not model.
func (d Domain) applyInterfaces(devices *libvirtxml.DomainDeviceList) {
	old := devices.Interfaces
	devices.Interfaces = nil
	for _, nic := range d.Interfaces {
		var doc libvirtxml.DomainInterface
		if at := slices.IndexFunc(old, func(o libvirtxml.DomainInterface) bool { return macOf(o) == strings.ToLower(nic.MAC) }); at >= 0 {
			doc = old[at]
		}
		nic.applyTo(&doc)
		devices.Interfaces = append(devices.Interfaces, doc)
	}
}

func (nic Interface) applyTo(doc *libvirtxml.DomainInterface) {
	doc.MAC = &libvirtxml.DomainInterfaceMAC{Address: nic.MAC}
	now := parseInterface(*doc)
	if nic.Model != "" && now.Model != nic.Model {
		doc.Model = &libvirtxml.DomainInterfaceModel{Type: nic.Model}
	}
	doc.MTU = merged(doc.MTU, nic.MTU != 0, func(m *libvirtxml.DomainInterfaceMTU) { m.Size = nic.MTU })
	if now.VLAN != nic.VLAN { // a trunk is not modelled
		doc.VLan = merged(nil, nic.VLAN != 0, func(v *libvirtxml.DomainInterfaceVLan) {
			v.Tags = []libvirtxml.DomainInterfaceVLanTag{{ID: nic.VLAN}}
		})
	}
	if now.Down != nic.Down {
		doc.Link = &libvirtxml.DomainInterfaceLink{State: linkState(nic.Down)}
	}
	if now.Network == nic.Network && now.Bridge == nic.Bridge {
		return
	}
	doc.Source = &libvirtxml.DomainInterfaceSource{}
	if nic.Network != "" {
		doc.Source.Network = &libvirtxml.DomainInterfaceSourceNetwork{Network: nic.Network}
	} else {
		doc.Source.Bridge = &libvirtxml.DomainInterfaceSourceBridge{Bridge: nic.Bridge}
	}
}

func linkState(down bool) string {
	if down {
		return "down"
	}
	return "up"
}

func macOf(i libvirtxml.DomainInterface) string {
	if i.MAC == nil {
		return ""
	}
	return strings.ToLower(i.MAC.Address)
}

func parseInterface(doc libvirtxml.DomainInterface) Interface {
	nic := Interface{MAC: macOf(doc), Down: doc.Link != nil && doc.Link.State == "down"}
	if doc.Model != nil {
		nic.Model = doc.Model.Type
	}
	if doc.MTU != nil {
		nic.MTU = doc.MTU.Size
	}
	if doc.VLan != nil && len(doc.VLan.Tags) == 1 && doc.VLan.Trunk == "" {
		nic.VLAN = doc.VLan.Tags[0].ID
	}
	switch {
	case doc.Source == nil:
	case doc.Source.Network != nil:
		nic.Network = doc.Source.Network.Network
	case doc.Source.Bridge != nil:
		nic.Bridge = doc.Source.Bridge.Bridge
	}
	return nic
}
