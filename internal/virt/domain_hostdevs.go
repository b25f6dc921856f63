package virt

import (
	"cmp"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// Hostdev is a host device that a guest uses: a mediated device (a DASD by vfio-ccw, crypto by vfio-ap, a part of a
// PCI device) or a PCI function. https://libvirt.org/formatdomain.html#usb-pci-scsi-devices
type Hostdev struct {
	Mdev  string // UUID
	Model string // of Mdev: vfio-ccw, vfio-ap, vfio-pci
	PCI   string // address: 0000:01:00.1
}

// Where identifies a device among the host devices of its guest.
func (dev Hostdev) Where() string { return cmp.Or(dev.Mdev, dev.PCI) }

// Is reports whether the other is this device.
func (dev Hostdev) Is(other Hostdev) bool { return strings.EqualFold(dev.Where(), other.Where()) }

// editHostdevs makes the domain's host devices those of d, in order. A device that stays keeps what d does not model.
func (d Domain) editHostdevs(devices *etree.Element, now Domain) {
	old := hostdevElements(devices)
	var wanted []*etree.Element
	for _, dev := range d.Hostdevs {
		element := etree.NewElement("hostdev")
		if at := slices.IndexFunc(now.Hostdevs, dev.Is); at >= 0 {
			element = old[at]
		}
		dev.edit(element)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

func (dev Hostdev) edit(element *etree.Element) {
	if !dev.Is(parseHostdev(element)) {
		dev.editNew(element)
	}
	setAttr(element, "model", dev.Model)
}

func (dev Hostdev) editNew(element *etree.Element) {
	element.CreateAttr("mode", "subsystem")
	address := element.CreateElement("source").CreateElement("address")
	if dev.Mdev != "" {
		element.CreateAttr("type", "mdev")
		address.CreateAttr("uuid", dev.Mdev)
		return
	}
	element.CreateAttr("type", "pci")
	element.CreateAttr("managed", "yes") // libvirt detaches it from the host's driver and attaches it again afterwards
	editPCI(address, dev.PCI)
	address.RemoveAttr("type")
}

// hostdevElements returns the elements of Domain.Hostdevs, in order. An element that a user has named belongs to
// Domain.Devices.
func hostdevElements(devices *etree.Element) []*etree.Element {
	return slices.DeleteFunc(devices.SelectElements("hostdev"), func(e *etree.Element) bool {
		return isNamed(e) || parseHostdev(e).Where() == ""
	})
}

// parseHostdev reads a host device. It returns the zero value if Hostdev cannot express it.
func parseHostdev(element *etree.Element) Hostdev {
	address := element.SelectElement("source").NotNil().SelectElement("address")
	switch attr(element, "type") {
	case "mdev":
		return Hostdev{Mdev: attr(address, "uuid"), Model: attr(element, "model")}
	case "pci":
		return Hostdev{PCI: parsePCIParts(address)}
	default:
		return Hostdev{}
	}
}
