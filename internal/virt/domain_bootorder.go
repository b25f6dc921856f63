package virt

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/beevik/etree"
)

// editBootOrder numbers the devices of each class of d.Boot in turn. Devices of other kinds that boot,
// such as a CD-ROM drive, do so behind them, unless nothing changes.
func (d Domain) editBootOrder(devices *etree.Element, now Domain) {
	modelled := slices.Concat(diskElements(devices), devices.SelectElements("interface"))
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
	if slices.Equal(ours, wanted) && d.Loadparm == now.Loadparm {
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
	for i, element := range devices.SelectElements("interface") {
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
	add(BootNetwork, devices.SelectElements("interface"))
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
