package virt

import (
	"slices"

	"github.com/beevik/etree"
)

// editConsoles makes the consoles those of d, in their order. One that stays, by its type, keeps what d
// does not model.
func (d Domain) editConsoles(devices *etree.Element, now Domain) {
	if len(d.Consoles) == 0 || slices.Equal(d.Consoles, now.Consoles) {
		return
	}
	replaceAll(devices, "console", d.Consoles, func(old *etree.Element, kind string) bool {
		return attr(old.SelectElement("target"), "type") == kind
	}, editConsole)
}

func editConsole(element *etree.Element, kind string) {
	if element.SelectAttr("type") == nil {
		element.CreateAttr("type", "pty")
	}
	target := child(element, "target")
	target.CreateAttr("type", kind)
	target.RemoveAttr("port") // its place among the others
}

func consoleTypes(devices *etree.Element) []string {
	var types []string
	for _, console := range devices.SelectElements("console") {
		types = append(types, attr(console.SelectElement("target"), "type"))
	}
	return types
}

// guestAgent is the channel's name that QEMU's guest agent looks for.
const guestAgent = "org.qemu.guest_agent.0"

func isGuestAgent(channel *etree.Element) bool {
	target := channel.SelectElement("target")
	return attr(target, "type") == "virtio" && attr(target, "name") == guestAgent
}

func (d Domain) editGuestAgent(devices *etree.Element, now Domain) {
	switch {
	case d.GuestAgent == now.GuestAgent:
	case d.GuestAgent:
		channel := devices.CreateElement("channel")
		channel.CreateAttr("type", "unix")
		target := channel.CreateElement("target")
		target.CreateAttr("type", "virtio")
		target.CreateAttr("name", guestAgent)
	default:
		for _, channel := range devices.SelectElements("channel") {
			if attr(channel.SelectElement("target"), "name") == guestAgent {
				devices.RemoveChild(channel)
			}
		}
	}
}
