package virt

import (
	"cmp"
	"slices"

	"libvirt.org/go/libvirtxml"
)

// applyBootOrder numbers the devices of each class of d.Boot in turn; the others do not boot.
func (d Domain) applyBootOrder(devices *libvirtxml.DomainDeviceList) {
	bootable := map[string][]**libvirtxml.DomainDeviceBoot{}
	add := func(class string, out bool, boot **libvirtxml.DomainDeviceBoot) {
		if out {
			class = "" // no order names it
		}
		bootable[class] = append(bootable[class], boot)
	}
	for i := range devices.Interfaces {
		add(BootNetwork, i < len(d.Interfaces) && d.Interfaces[i].NoBoot, &devices.Interfaces[i].Boot)
	}
	for i := range devices.Disks { // those of d come first, then CD-ROM and floppy drives
		add(BootDisk, i >= len(d.Disks) || d.Disks[i].NoBoot, &devices.Disks[i].Boot)
	}
	order := uint(0)
	for _, class := range d.Boot {
		for _, boot := range bootable[class] {
			order++
			*boot = merged(*boot, true, func(b *libvirtxml.DomainDeviceBoot) { b.Order, b.LoadParm = order, d.Loadparm })
		}
		delete(bootable, class)
	}
	for _, others := range bootable {
		for _, boot := range others {
			*boot = nil
		}
	}
}

// parseBootOrder reads the classes of the devices that boot, in order, each once, and what the first
// of them tells the firmware.
func parseBootOrder(devices libvirtxml.DomainDeviceList) (classes []string, loadparm string) {
	type bootable struct {
		class string
		boot  libvirtxml.DomainDeviceBoot
	}
	var found []bootable
	for _, d := range devices.Disks {
		if isDisk(d) && d.Boot != nil {
			found = append(found, bootable{BootDisk, *d.Boot})
		}
	}
	for _, i := range devices.Interfaces {
		if i.Boot != nil {
			found = append(found, bootable{BootNetwork, *i.Boot})
		}
	}
	slices.SortFunc(found, func(a, b bootable) int { return cmp.Compare(a.boot.Order, b.boot.Order) })
	for _, b := range found {
		if !slices.Contains(classes, b.class) {
			classes = append(classes, b.class)
		}
	}
	if len(found) > 0 {
		loadparm = found[0].boot.LoadParm
	}
	return classes, loadparm
}
