package virt

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/beevik/etree"
)

// osClasses are libvirt's names in <os> of the classes that a domain boots from.
var osClasses = map[string]string{"hd": BootDisk, "network": BootNetwork}

// drives are libvirt's names in <os> of what else a domain may boot from, as disks' devices.
var drives = map[string]string{"cdrom": "cdrom", "fd": "floppy"}

// parseBoot reads the classes of the devices that boot, in order, each once, and what the first of them tells the firmware.
// A definition has an order of its devices, or, as virt-install and virt-manager write it, of classes in <os>; libvirt adds
// that for disks where there is neither. A class without a device says nothing, nor does an order beside a kernel.
func parseBoot(root *etree.Element) (classes []string, loadparm string) {
	os, devices := root.SelectElement("os").NotNil(), root.SelectElement("devices").NotNil()
	classes, loadparm = parseBootOrder(devices)
	if len(classes) > 0 || os.SelectElement("kernel") != nil {
		return classes, loadparm
	}
	present := map[string]bool{BootDisk: len(diskElements(devices)) > 0, BootNetwork: len(interfaceElements(devices)) > 0}
	for _, boot := range os.SelectElements("boot") {
		if class := osClasses[attr(boot, "dev")]; present[class] && !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	return classes, ""
}

// leavesOut tells whether a device has no place in an order of devices, although others of its class have.
func leavesOut(device *etree.Element, class string) bool {
	byDevice, _ := parseBootOrder(device.Parent())
	return slices.Contains(byDevice, class) && device.SelectElement("boot") == nil
}

// editBoot makes the order that of d. One of classes in <os> stays where it says the same: "per-device boot elements cannot
// be used together with os/boot elements" (libvirt).
func (d Domain) editBoot(root *etree.Element, now Domain) {
	os, devices := child(root, "os"), child(root, "devices")
	classes := os.SelectElements("boot")
	if len(classes) > 0 && (len(d.Boot) == 0 || d.bootsAs(now)) { // without any, libvirt adds one for disks again
		return
	}
	for _, class := range classes {
		os.RemoveChild(class)
		if drive := drives[attr(class, "dev")]; drive != "" {
			keepBootOf(drive, devices)
		}
	}
	d.editBootOrder(devices, now)
}

// bootsAs tells whether d boots as a domain whose order is one of classes, and so from all devices of each.
func (d Domain) bootsAs(now Domain) bool {
	return slices.Equal(d.Boot, now.Boot) && d.Loadparm == now.Loadparm &&
		!slices.ContainsFunc(d.Disks, func(disk Disk) bool { return disk.NoBoot }) &&
		!slices.ContainsFunc(d.Interfaces, func(nic Interface) bool { return nic.NoBoot })
}

// keepBootOf has the first drive of a kind boot, after the devices that Domain models.
func keepBootOf(drive string, devices *etree.Element) {
	for _, disk := range devices.SelectElements("disk") {
		if attr(disk, "device") == drive {
			child(disk, "boot")
			return
		}
	}
}

// editBootOrder numbers the devices of each class of d.Boot in turn. Devices of other kinds that boot,
// such as a CD-ROM drive, do so behind them, unless nothing changes.
func (d Domain) editBootOrder(devices *etree.Element, now Domain) {
	modelled := slices.Concat(diskElements(devices), interfaceElements(devices))
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

// bootDevices are the devices that d boots from, in their order.
func (d Domain) bootDevices(devices *etree.Element) []*etree.Element {
	bootable := map[string][]*etree.Element{}
	for i, element := range diskElements(devices) {
		if i < len(d.Disks) && !d.Disks[i].NoBoot {
			bootable[BootDisk] = append(bootable[BootDisk], element)
		}
	}
	for i, element := range interfaceElements(devices) {
		if i >= len(d.Interfaces) || !d.Interfaces[i].NoBoot {
			bootable[BootNetwork] = append(bootable[BootNetwork], element)
		}
	}
	var all []*etree.Element
	for _, class := range d.Boot {
		all = append(all, bootable[class]...)
		delete(bootable, class)
	}
	return all
}

func isUnnumbered(device *etree.Element) bool { return bootOrder(device) == 0 }

func byBootOrder(a, b *etree.Element) int { return cmp.Compare(bootOrder(a), bootOrder(b)) }

func bootOrder(device *etree.Element) uint {
	order, _ := parseNumber(device.SelectElement("boot"), "order") // libvirt writes nothing else than a number
	return order
}

// parseBootOrder reads the classes of the devices that boot, in order, each once, and what the first
// of them tells the firmware.
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
	add(BootDisk, diskElements(devices))
	add(BootNetwork, interfaceElements(devices))
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
