package virt

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/beevik/etree"
)

// osClasses maps libvirt's names in <os> to the classes that a domain boots from.
var osClasses = map[string]string{"hd": BootDisk, "network": BootNetwork, "cdrom": BootCDROM}

// classElements find the devices of each class.
var classElements = map[string]func(devices *etree.Element) []*etree.Element{
	BootDisk: diskElements, BootNetwork: interfaceElements, BootCDROM: cdromElements,
}

// noBoot reports whether the i-th device of a class is left out of the boot order.
func (d Domain) noBoot(class string, i int) bool {
	switch class {
	case BootDisk:
		return i >= len(d.Disks) || d.Disks[i].NoBoot
	case BootCDROM:
		return i < len(d.CDROMs) && d.CDROMs[i].NoBoot
	default:
		return i < len(d.Interfaces) && d.Interfaces[i].NoBoot
	}
}

// parseBoot reads the classes of the devices that boot, in order and each once, and the loadparm of the first device.
// A definition has either an order of its devices or, as virt-install and virt-manager write it, an order of classes
// in <os>. libvirt adds the class of disks if neither exists. A class without a device has no meaning, and an order
// of classes has no meaning if the guest boots a kernel directly.
func parseBoot(root *etree.Element) (classes []string, loadparm string) {
	os, devices := root.SelectElement("os").NotNil(), root.SelectElement("devices").NotNil()
	classes, loadparm = parseBootOrder(devices)
	if len(classes) > 0 || os.SelectElement("kernel") != nil {
		return classes, loadparm
	}
	for _, boot := range os.SelectElements("boot") {
		class := osClasses[attr(boot, "dev")]
		if elements := classElements[class]; elements != nil && len(elements(devices)) > 0 && !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	return classes, ""
}

// parseNoBoot finds the devices without a position in the boot order, in classes of which other devices have one.
func (d *Domain) parseNoBoot(devices *etree.Element) {
	ordered, _ := parseBootOrder(devices)
	for _, class := range ordered {
		for i, device := range classElements[class](devices) {
			without := device.SelectElement("boot") == nil
			switch class {
			case BootDisk:
				d.Disks[i].NoBoot = without
			case BootCDROM:
				d.CDROMs[i].NoBoot = without
			default:
				d.Interfaces[i].NoBoot = without
			}
		}
	}
}

// editBoot sets the boot order of d. An order of classes in <os> stays if it means the same: "per-device boot
// elements cannot be used together with os/boot elements" (libvirt).
func (d Domain) editBoot(root *etree.Element, now Domain) {
	os, devices := child(root, "os"), child(root, "devices")
	classes := os.SelectElements("boot")
	if len(classes) > 0 && (len(d.Boot) == 0 || d.bootsAs(now)) { // without an order, libvirt adds the class of disks again
		return
	}
	for _, class := range classes {
		os.RemoveChild(class)
		if attr(class, "dev") == "fd" {
			keepBootOfFloppy(devices)
		}
	}
	d.editBootOrder(devices, now)
}

// bootsAs reports whether d boots like a domain whose order consists of classes, that is, from all devices of each
// class.
func (d Domain) bootsAs(now Domain) bool {
	return slices.Equal(d.Boot, now.Boot) && d.Loadparm == now.Loadparm &&
		!slices.ContainsFunc(slices.Concat(d.Disks, d.CDROMs), func(disk Disk) bool { return disk.NoBoot }) &&
		!slices.ContainsFunc(d.Interfaces, func(nic Interface) bool { return nic.NoBoot })
}

// keepBootOfFloppy lets the first floppy drive boot after the devices that Domain models.
func keepBootOfFloppy(devices *etree.Element) {
	for _, disk := range devices.SelectElements("disk") {
		if attr(disk, "device") == "floppy" {
			child(disk, "boot")
			return
		}
	}
}

// editBootOrder numbers the devices of each class of d.Boot in turn. Bootable devices of other kinds, such as a
// floppy drive, come after them, unless nothing changes.
func (d Domain) editBootOrder(devices *etree.Element, now Domain) {
	modelled := slices.Concat(diskElements(devices), interfaceElements(devices), cdromElements(devices))
	wanted := d.bootDevices(devices)
	var ours, others []*etree.Element
	for _, device := range devices.ChildElements() {
		switch {
		case device.SelectElement("boot") == nil:
		case slices.Contains(modelled, device):
			ours = append(ours, device)
		default:
			others = append(others, device)
		}
	}
	slices.SortFunc(ours, byBootOrder)
	slices.SortFunc(others, byBootOrder)
	if d.keepsOrder(now) {
		wanted = mergeOrder(ours, wanted)
	}
	if slices.Equal(ours, wanted) && d.Loadparm == now.Loadparm && !slices.ContainsFunc(others, isUnnumbered) {
		return
	}
	for _, device := range ours {
		if !slices.Contains(wanted, device) {
			removeAll(device, "boot")
		}
	}
	for i, device := range slices.Concat(wanted, others) {
		boot := child(device, "boot")
		boot.CreateAttr("order", strconv.Itoa(i+1))
		if i < len(wanted) {
			setAttr(boot, "loadparm", d.Loadparm)
		}
	}
}

// keepsOrder reports whether d boots from the same classes as a definition and lists the devices they share in the
// same order, whichever devices are added or removed.
func (d Domain) keepsOrder(now Domain) bool {
	return slices.Equal(d.Boot, now.Boot) && sameOrder(d.Disks, now.Disks, Disk.Is) && sameOrder(d.Interfaces, now.Interfaces, Interface.Is)
}

// sameOrder reports whether the elements that two lists share are in the same order.
func sameOrder[T any](a, b []T, same func(T, T) bool) bool {
	last := -1
	for _, value := range a {
		at := slices.IndexFunc(b, func(other T) bool { return same(value, other) })
		if at >= 0 && at < last {
			return false
		}
		last = max(last, at)
	}
	return true
}

// mergeOrder keeps the current order of the devices, which may differ from the order of their lists. It puts each new
// device after the last of its kind.
func mergeOrder(ours, wanted []*etree.Element) []*etree.Element {
	merged := slices.DeleteFunc(slices.Clone(ours), func(e *etree.Element) bool { return !slices.Contains(wanted, e) })
	for _, device := range wanted {
		if slices.Contains(merged, device) {
			continue
		}
		kind := func(e *etree.Element) bool { return e.Tag == device.Tag && attr(e, "device") == attr(device, "device") }
		at := len(merged)
		for i, other := range merged {
			if kind(other) {
				at = i + 1
			}
		}
		merged = slices.Insert(merged, at, device)
	}
	return merged
}

// bootDevices returns the devices that d boots from, in order.
func (d Domain) bootDevices(devices *etree.Element) []*etree.Element {
	var all []*etree.Element
	for i, class := range d.Boot {
		if slices.Index(d.Boot, class) < i || classElements[class] == nil {
			continue
		}
		for at, element := range classElements[class](devices) {
			if !d.noBoot(class, at) {
				all = append(all, element)
			}
		}
	}
	return all
}

func isUnnumbered(device *etree.Element) bool { return bootOrder(device) == 0 }

func byBootOrder(a, b *etree.Element) int { return cmp.Compare(bootOrder(a), bootOrder(b)) }

func bootOrder(device *etree.Element) uint {
	order, _ := parseNumber(device.SelectElement("boot"), "order") // libvirt writes only numbers here
	return order
}

// parseBootOrder reads the classes of the devices that boot, in order and each once, and the loadparm of the first
// device.
func parseBootOrder(devices *etree.Element) (classes []string, loadparm string) {
	type bootable struct {
		class string
		boot  *etree.Element
	}
	var found []bootable
	add := func(class string, elements []*etree.Element) {
		for _, element := range elements {
			if boot := element.SelectElement("boot"); boot != nil {
				found = append(found, bootable{class, boot})
			}
		}
	}
	for _, class := range []string{BootDisk, BootNetwork, BootCDROM} {
		add(class, classElements[class](devices))
	}
	slices.SortStableFunc(found, func(a, b bootable) int { return byBootOrder(a.boot.Parent(), b.boot.Parent()) })
	for _, b := range found {
		if !slices.Contains(classes, b.class) {
			classes = append(classes, b.class)
		}
	}
	if len(found) > 0 {
		loadparm = attr(found[0].boot, "loadparm")
	}
	return classes, loadparm
}
