package virt

import (
	"slices"

	"github.com/beevik/etree"
)

// cdromElements returns the elements of Domain.CDROMs, in order.
func cdromElements(devices *etree.Element) []*etree.Element {
	return slices.DeleteFunc(devices.SelectElements("disk"), func(e *etree.Element) bool { return !isCDROM(e) })
}

// isCDROM reports whether an element is a CD-ROM drive that is empty or has a medium whose place Disk can express.
func isCDROM(element *etree.Element) bool {
	return attr(element, "device") == "cdrom" && (hasSource(element) || isEmptyDrive(element))
}

func isEmptyDrive(element *etree.Element) bool {
	source := element.SelectElement("source").NotNil()
	return slices.Contains([]string{"file", "block"}, diskType(element)) && attr(source, "file")+attr(source, "dev") == ""
}

func parseCDROM(element *etree.Element) Disk {
	drive := Disk{Bus: attr(element.SelectElement("target"), "bus")}
	drive.parseSource(element)
	return drive
}

// sameMedium reports whether two drives have the same medium or are both empty.
func (disk Disk) sameMedium(other Disk) bool {
	return disk.Is(other) || disk.Where() == "" && other.Where() == ""
}

// editCDROMs makes the domain's drives those of d, matched by position, if d has a list of drives.
func (d Domain) editCDROMs(devices *etree.Element, now Domain) {
	if d.CDROMs == nil {
		return
	}
	old := cdromElements(devices)
	names := newDiskNames(slices.DeleteFunc(devices.SelectElements("disk"), isCDROM))
	var wanted []*etree.Element
	for i, drive := range d.CDROMs {
		element, before := newDisk("cdrom"), Disk{}
		if i < len(old) && now.CDROMs[i].Bus == drive.Bus {
			element, before = old[i], now.CDROMs[i]
		} else {
			child(element, "target").CreateAttr("bus", drive.Bus)
			element.CreateElement("readonly")
		}
		if !drive.sameMedium(before) {
			drive.editMedium(element)
		}
		names.give(element, i)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

// editMedium changes the medium in a drive.
func (disk Disk) editMedium(element *etree.Element) {
	removeAll(element, "source")
	removeAll(element, "backingStore")
	child(element, "target").RemoveAttr("tray")
	if driver := element.SelectElement("driver"); driver != nil {
		setAttr(driver, "type", "raw")
	}
	if disk.Where() == "" {
		element.CreateAttr("type", "file")
		return
	}
	disk.editSource(element)
}
