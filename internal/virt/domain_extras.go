package virt

import (
	"github.com/beevik/etree"
)

// Optional parts of a definition.

func isUnnamed(device *etree.Element) bool { return !isNamed(device) }

// editRNG keeps a random number generator that exists, whatever its source of random numbers.
// https://libvirt.org/formatdomain.html#random-number-generator-device
func (d Domain) editRNG(devices *etree.Element, now Domain) {
	switch {
	case d.RNG == now.RNG:
	case d.RNG:
		rng := devices.CreateElement("rng")
		rng.CreateAttr("model", "virtio")
		backend := rng.CreateElement("backend")
		backend.CreateAttr("model", "random")
		backend.SetText("/dev/urandom")
	default:
		for _, rng := range devices.SelectElements("rng") {
			if isUnnamed(rng) {
				devices.RemoveChild(rng)
			}
		}
	}
}

// editBalloon writes explicitly that the guest has no balloon, because libvirt otherwise gives one to each guest.
// https://libvirt.org/formatdomain.html#memory-balloon-device
func (d Domain) editBalloon(devices *etree.Element, now Domain) {
	if d.NoBalloon == now.NoBalloon {
		return
	}
	removeAll(devices, "memballoon")
	if d.NoBalloon {
		devices.CreateElement("memballoon").CreateAttr("model", "none")
	}
}

// editIOThreads keeps the list of I/O threads if their number stays the same.
// https://libvirt.org/formatdomain.html#iothreads-allocation
func (d Domain) editIOThreads(root *etree.Element, now Domain) {
	if d.IOThreads == now.IOThreads {
		return
	}
	removeAll(root, "iothreadids")
	editText(root, "iothreads", number(d.IOThreads))
}

func parseIOThreads(root *etree.Element) (uint, error) {
	element := root.SelectElement("iothreads")
	if element == nil {
		return 0, nil
	}
	count, err := parseText(element)
	return uint(count), err
}

// isSecure reports whether an element makes a guest an IBM Secure Execution guest. QEMU then makes virtio devices use
// memory that host and guest share, so no device needs iommu='on': QEMU hw/core/machine.c, machine_run_board_init.
// https://libvirt.org/formatdomain.html#launch-security
func isSecure(element *etree.Element) bool {
	return element.Tag == "launchSecurity" && attr(element, "type") == "s390-pv"
}

func (d Domain) editSecure(root *etree.Element, now Domain) {
	if d.Secure == now.Secure {
		return
	}
	removeAll(root, "launchSecurity")
	if d.Secure {
		root.CreateElement("launchSecurity").CreateAttr("type", "s390-pv")
	}
}
