package virt

import (
	"cmp"
	"slices"

	"github.com/beevik/etree"
)

// editDisks makes the domain's disks those of d, in order. A disk that stays keeps what d does not model. Drives of
// other kinds stay as they are.
func (d Domain) editDisks(devices *etree.Element, now Domain) {
	old := diskElements(devices)
	names := newDiskNames(slices.DeleteFunc(devices.SelectElements("disk"), func(e *etree.Element) bool { return slices.Contains(old, e) }))
	var wanted []*etree.Element
	for i, disk := range d.Disks {
		element := newDisk("disk")
		if at := slices.IndexFunc(now.Disks, disk.Is); at >= 0 {
			element = old[at]
		}
		disk.edit(element)
		names.give(element, i)
		wanted = append(wanted, element)
	}
	arrange(devices, old, wanted)
}

// diskElements returns the elements of Domain.Disks, in order.
func diskElements(devices *etree.Element) []*etree.Element {
	return slices.DeleteFunc(devices.SelectElements("disk"), func(e *etree.Element) bool { return !isDisk(e) })
}

func newDisk(device string) *etree.Element {
	element := etree.NewElement("disk")
	element.CreateAttr("device", device)
	return element
}

func isDisk(element *etree.Element) bool {
	return element.SelectAttrValue("device", "disk") == "disk" && hasSource(element)
}

// Is reports whether the other is this disk, possibly with changes.
func (disk Disk) Is(other Disk) bool {
	return disk.Path != "" && disk.Path == other.Path || disk.Volume != "" && disk.Volume == other.Volume || disk.URL != "" && SameURL(disk.URL, other.URL)
}

// Where identifies a disk among the disks of its guest.
func (disk Disk) Where() string { return cmp.Or(disk.Path, disk.Volume, disk.URL) }

// edit writes everything except the disk's name.
func (disk Disk) edit(element *etree.Element) {
	now := parseDisk(element)
	if !disk.Is(now) {
		disk.editSource(element)
	}
	disk.editSecret(element, now.Secret)
	driver := child(element, "driver")
	driver.CreateAttr("name", "qemu")
	setAttr(driver, "type", disk.Format)
	setAttr(driver, "cache", disk.Cache)
	setAttr(driver, "discard", disk.Discard)
	setAttr(driver, "io", disk.IO)
	setAttr(driver, "iothread", number(disk.IOThread))
	setAttr(driver, "queues", number(disk.Queues))
	setAttr(driver, "error_policy", disk.OnError)
	editText(element, "serial", disk.Serial)
	editFlag(element, "readonly", disk.ReadOnly)
	editFlag(element, "shareable", disk.Shared)
	if attr(element.SelectElement("target"), "bus") != disk.Bus { // with everything that belongs to its old bus
		removeAll(element, "target")
		child(element, "target").CreateAttr("bus", disk.Bus)
	}
}

// diskNames assigns names to disks, as they stand in targets.
type diskNames struct {
	taken map[string]bool
	next  map[string]int // by bus: after the last one that was assigned
}

// newDiskNames knows the names that disks already have.
func newDiskNames(disks []*etree.Element) diskNames {
	names := diskNames{map[string]bool{}, map[string]int{}}
	for _, disk := range disks {
		names.taken[attr(disk.SelectElement("target"), "dev")] = true
	}
	return names
}

// give gives a disk, the index-th of its domain, a name after the other names on its bus, because libvirt sorts disks
// by name (libvirt src/conf/domain_conf.c, virDomainDiskInsert). A name that is already right stays.
func (n diskNames) give(disk *etree.Element, index int) {
	target := child(disk, "target")
	name, bus := attr(target, "dev"), attr(target, "bus")
	at := diskIndex(name)
	if at < n.next[bus] || n.taken[name] {
		at = max(index, n.next[bus])
		for n.taken[diskName(bus, at)] {
			at++
		}
		name = diskName(bus, at)
		target.CreateAttr("dev", name)
		removeAll(disk, "address") // it belongs to the disk's old place
	}
	n.taken[name], n.next[bus] = true, at+1
}

// diskIndex returns the index in a disk's name, or -1 if it has none.
func diskIndex(name string) int {
	index := -1
	for _, letter := range name[min(2, len(name)):] {
		index = (index+1)*26 + int(letter-'a')
	}
	return index
}

// diskName returns the name of the index-th disk of a bus, as libvirt requires it: vda, vdb, … vdz, vdaa.
func diskName(bus string, index int) string {
	prefix := "sd"
	switch bus {
	case "virtio":
		prefix = "vd"
	case "ide":
		prefix = "hd"
	}
	letters := ""
	for i := index; i >= 0; i = i/26 - 1 {
		letters = string(rune('a'+i%26)) + letters
	}
	return prefix + letters
}

func parseDisk(element *etree.Element) Disk {
	driver := element.SelectElement("driver")
	disk := Disk{
		Format:   attr(driver, "type"),
		Bus:      attr(element.SelectElement("target"), "bus"),
		Serial:   childText(element, "serial"),
		ReadOnly: element.SelectElement("readonly") != nil,
		Cache:    attr(driver, "cache"),
		Discard:  attr(driver, "discard"),
		IO:       attr(driver, "io"),
		OnError:  attr(driver, "error_policy"),
		Shared:   element.SelectElement("shareable") != nil,
		Target:   attr(element.SelectElement("target"), "dev"),
		Chain:    parseChain(element),
	}
	disk.IOThread, _ = parseNumber(driver, "iothread") // libvirt writes only numbers here
	disk.Queues, _ = parseNumber(driver, "queues")
	disk.parseSource(element)
	return disk
}
