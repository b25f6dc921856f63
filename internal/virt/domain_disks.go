package virt

import (
	"slices"

	"libvirt.org/go/libvirtxml"
)

// applyDisks makes the domain's disks those of d, in their order. A disk that stays keeps what d
// does not model; drives of other kinds (CD-ROM, floppy) stay as they are.
func (d Domain) applyDisks(devices *libvirtxml.DomainDeviceList) {
	old := devices.Disks
	devices.Disks = nil
	for i, disk := range d.Disks {
		var doc libvirtxml.DomainDisk
		if at := slices.IndexFunc(old, func(o libvirtxml.DomainDisk) bool { return isDisk(o) && diskPath(o) == disk.Path }); at >= 0 {
			doc = old[at]
		}
		disk.applyTo(&doc, i)
		devices.Disks = append(devices.Disks, doc)
	}
	devices.Disks = append(devices.Disks, slices.DeleteFunc(slices.Clone(old), isDisk)...)
}

func (disk Disk) applyTo(doc *libvirtxml.DomainDisk, index int) {
	doc.Device = "disk"
	// type='file' with a path and not type='volume': AppArmor's virt-aa-helper denies the latter.
	doc.Source = &libvirtxml.DomainDiskSource{File: &libvirtxml.DomainDiskSourceFile{File: disk.Path}}
	doc.Driver = merged(doc.Driver, true, func(v *libvirtxml.DomainDiskDriver) {
		v.Name, v.Type = "qemu", disk.Format
		v.Cache, v.Discard, v.IO = disk.Cache, disk.Discard, disk.IO
	})
	target := &libvirtxml.DomainDiskTarget{Dev: diskName(disk.Bus, index), Bus: disk.Bus}
	if doc.Target == nil || *doc.Target != *target {
		doc.Address = nil // it belongs to the bus that the disk was on
	}
	doc.Target = target
	doc.Serial = disk.Serial
	doc.ReadOnly = nil
	if disk.ReadOnly {
		doc.ReadOnly = &libvirtxml.DomainDiskReadOnly{}
	}
}

// diskName is the name of the index-th disk of a bus, as libvirt asks for it: vda, vdb, … vdz, vdaa.
func diskName(bus string, index int) string {
	prefix := "sd"
	if bus == "virtio" {
		prefix = "vd"
	}
	letters := ""
	for i := index; i >= 0; i = i/26 - 1 {
		letters = string(rune('a'+i%26)) + letters
	}
	return prefix + letters
}

func isDisk(d libvirtxml.DomainDisk) bool { return d.Device == "" || d.Device == "disk" }

func diskPath(d libvirtxml.DomainDisk) string {
	if d.Source == nil || d.Source.File == nil {
		return ""
	}
	return d.Source.File.File
}

func parseDisk(doc libvirtxml.DomainDisk) Disk {
	disk := Disk{Path: diskPath(doc), Serial: doc.Serial, ReadOnly: doc.ReadOnly != nil}
	if doc.Driver != nil {
		disk.Format = doc.Driver.Type
		disk.Cache, disk.Discard, disk.IO = doc.Driver.Cache, doc.Driver.Discard, doc.Driver.IO
	}
	if doc.Target != nil {
		disk.Bus = doc.Target.Bus
	}
	return disk
}
