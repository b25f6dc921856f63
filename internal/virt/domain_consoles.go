package virt

import (
	"slices"

	"libvirt.org/go/libvirtxml"
)

func newConsole(kind string) libvirtxml.DomainConsole {
	return libvirtxml.DomainConsole{
		Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
		Target: &libvirtxml.DomainConsoleTarget{Type: kind},
	}
}

// applyConsoles makes the consoles those of d, in their order. One that stays, by its type, keeps
// what d does not model.
func (d Domain) applyConsoles(devices *libvirtxml.DomainDeviceList) {
	if len(d.Consoles) == 0 || slices.Equal(d.Consoles, consoleTypes(*devices)) {
		return
	}
	old := devices.Consoles
	devices.Consoles = nil
	for _, kind := range d.Consoles {
		doc := newConsole(kind)
		if at := slices.IndexFunc(old, func(o libvirtxml.DomainConsole) bool { return consoleType(o) == kind }); at >= 0 {
			doc = old[at]
			doc.Target.Port = nil // its place among the others
			old = slices.Delete(slices.Clone(old), at, at+1)
		}
		devices.Consoles = append(devices.Consoles, doc)
	}
}

func consoleType(doc libvirtxml.DomainConsole) string {
	if doc.Target == nil {
		return ""
	}
	return doc.Target.Type
}

func consoleTypes(devices libvirtxml.DomainDeviceList) []string {
	var types []string
	for _, console := range devices.Consoles {
		types = append(types, consoleType(console))
	}
	return types
}

// guestAgent is the channel's name that QEMU's guest agent looks for.
const guestAgent = "org.qemu.guest_agent.0"

func isGuestAgent(doc libvirtxml.DomainChannel) bool {
	return doc.Target != nil && doc.Target.VirtIO != nil && doc.Target.VirtIO.Name == guestAgent
}

func (d Domain) applyGuestAgent(devices *libvirtxml.DomainDeviceList) {
	switch has := slices.ContainsFunc(devices.Channels, isGuestAgent); {
	case has == d.GuestAgent:
	case has:
		devices.Channels = slices.DeleteFunc(devices.Channels, isGuestAgent)
	default:
		devices.Channels = append(devices.Channels, libvirtxml.DomainChannel{
			Source: &libvirtxml.DomainChardevSource{UNIX: &libvirtxml.DomainChardevSourceUNIX{}},
			Target: &libvirtxml.DomainChannelTarget{VirtIO: &libvirtxml.DomainChannelTargetVirtIO{Name: guestAgent}},
		})
	}
}
