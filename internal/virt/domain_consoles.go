package virt

import (
	"slices"

	"github.com/beevik/etree"
)

// editConsoles makes the consoles those of d, in order. A console that stays (the same type) keeps what d does not
// model.
func (d Domain) editConsoles(devices *etree.Element, now Domain) {
	if len(d.Consoles) == 0 || slices.Equal(d.Consoles, now.Consoles) {
		return
	}
	for _, console := range devices.SelectElements("console") {
		if kind := consoleType(devices, console); isSerial(console) && kind != "serial" && kind != d.Consoles[0] {
			devices.RemoveChild(sclpSerial(devices)) // it is the same device, and can only be the first
		}
	}
	replaceAll(devices, "console", d.Consoles, func(old *etree.Element, kind string) bool {
		return consoleType(devices, old) == kind
	}, func(element *etree.Element, kind string) {
		if consoleType(devices, element) != kind {
			editConsole(element, kind)
		}
	})
}

func editConsole(element *etree.Element, kind string) {
	if element.SelectAttr("type") == nil {
		element.CreateAttr("type", "pty")
	}
	target := child(element, "target")
	target.CreateAttr("type", kind)
	target.RemoveAttr("port") // its position among the others
}

func consoleTypes(devices *etree.Element) []string {
	var types []string
	for _, console := range devices.SelectElements("console") {
		types = append(types, consoleType(devices, console))
	}
	return types
}

// sclpModels are the consoles of s390x that libvirt also has as serial devices, by the models of the serial devices.
// libvirt makes a serial device of a <console> without a target, and virt-install asks for one. The <console> is then
// an alias of the first <serial>. https://libvirt.org/formatdomain.html#console
var sclpModels = map[string]string{"sclpconsole": "sclp", "sclplmconsole": "sclplm"}

// consoleType returns the type of a console, including a console that is the alias of a serial device.
func consoleType(devices, console *etree.Element) string {
	if isSerial(console) {
		if serial := sclpSerial(devices); serial != nil {
			return sclpModels[attr(serial.SelectElement("target").SelectElement("model"), "name")]
		}
	}
	return attr(console.SelectElement("target"), "type")
}

func isSerial(console *etree.Element) bool {
	return attr(console.SelectElement("target"), "type") == "serial"
}

// sclpSerial returns the first serial device if it is a console of s390x, and nil otherwise.
func sclpSerial(devices *etree.Element) *etree.Element {
	serial := devices.SelectElement("serial")
	target := serial.NotNil().SelectElement("target").NotNil()
	if _, known := sclpModels[attr(target.SelectElement("model"), "name")]; !known || attr(target, "type") != "sclp-serial" {
		return nil
	}
	return serial
}

// guestAgent is the name of the channel that QEMU's guest agent looks for.
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
