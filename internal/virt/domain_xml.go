package virt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"libvirt.org/go/libvirtxml"
)

// newDomainXML is the definition of a new domain before what the user says is applied: a guest
// with one console, right for its architecture.
func newDomainXML(d Domain) *libvirtxml.Domain {
	return &libvirtxml.Domain{
		Name:       d.Name,
		OnPoweroff: "destroy",
		OnReboot:   "restart",
		OnCrash:    "destroy",
		Devices: &libvirtxml.DomainDeviceList{
			Consoles: []libvirtxml.DomainConsole{{
				Source: &libvirtxml.DomainChardevSource{Pty: &libvirtxml.DomainChardevSourcePty{}},
				Target: &libvirtxml.DomainConsoleTarget{Type: consoleType(d.Arch)},
			}},
		},
	}
}

// consoleType is the console that the architecture's firmware writes to. On s390x that is SCLP,
// which Linux calls ttysclp0; https://libvirt.org/formatdomain.html#console.
func consoleType(arch string) string {
	if arch == "s390x" {
		return "sclp"
	}
	return "serial"
}

// domainTypes are libvirt's names for accelerators.
var domainTypes = map[string]string{"kvm": "kvm", "tcg": "qemu"}

// applyTo writes what d models into a definition and leaves the rest of it alone.
func (d Domain) applyTo(doc *libvirtxml.Domain) error {
	doc.Type = domainTypes[d.Accelerator]
	d.applyOS(doc)
	doc.Memory = merged(doc.Memory, true, func(m *libvirtxml.DomainMemory) { m.Value, m.Unit = uint(d.Memory/1024), "KiB" })
	doc.CurrentMemory = nil // or a balloon would keep the old size
	doc.VCPU = merged(doc.VCPU, true, func(v *libvirtxml.DomainVCPU) { v.Value, v.Current = d.VCPUs, 0 })
	d.applyCPU(doc)
	if err := d.applyNote(doc); err != nil {
		return err
	}
	if doc.Devices == nil {
		doc.Devices = &libvirtxml.DomainDeviceList{}
	}
	d.applyDisks(doc.Devices)
	d.applyInterfaces(doc.Devices)
	d.applyBootOrder(doc.Devices)
	return nil
}

func (d Domain) applyOS(doc *libvirtxml.Domain) {
	if doc.OS == nil {
		doc.OS = &libvirtxml.DomainOS{}
	}
	// "per-device boot elements cannot be used together with os/boot elements" (libvirt)
	doc.OS.BootDevices = nil
	doc.OS.Type = &libvirtxml.DomainOSType{Type: "hvm", Arch: d.Arch, Machine: d.Machine}
}

// cpuModes are the values of Domain.CPU that are a mode and not a model's name.
var cpuModes = map[string]string{
	"host-passthrough": "host-passthrough",
	"host-model":       "host-model",
	"max":              "maximum",
}

func (d Domain) applyCPU(doc *libvirtxml.Domain) {
	if d.CPU == cpuOf(doc.CPU) {
		return
	}
	switch mode, isMode := cpuModes[d.CPU]; {
	case d.CPU == "":
		doc.CPU = nil
	case isMode:
		doc.CPU = &libvirtxml.DomainCPU{Mode: mode}
	default:
		doc.CPU = &libvirtxml.DomainCPU{Mode: "custom", Match: "exact", Model: &libvirtxml.DomainCPUModel{Value: d.CPU}}
	}
}

func cpuOf(doc *libvirtxml.DomainCPU) string {
	if doc == nil {
		return ""
	}
	for name, mode := range cpuModes {
		if doc.Mode == mode {
			return name
		}
	}
	if doc.Model == nil {
		return ""
	}
	return doc.Model.Value
}

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
	doc.Driver = merged(doc.Driver, true, func(v *libvirtxml.DomainDiskDriver) { v.Name, v.Type = "qemu", disk.Format })
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

// applyInterfaces makes the domain's interfaces those of d, in their order. One that stays, by its
// MAC, keeps what d does not model.
func (d Domain) applyInterfaces(devices *libvirtxml.DomainDeviceList) {
	old := devices.Interfaces
	devices.Interfaces = nil
	for _, nic := range d.Interfaces {
		doc := libvirtxml.DomainInterface{Model: &libvirtxml.DomainInterfaceModel{Type: "virtio"}}
		if at := slices.IndexFunc(old, func(o libvirtxml.DomainInterface) bool { return macOf(o) == strings.ToLower(nic.MAC) }); at >= 0 {
			doc = old[at]
		}
		nic.applyTo(&doc)
		devices.Interfaces = append(devices.Interfaces, doc)
	}
}

func (nic Interface) applyTo(doc *libvirtxml.DomainInterface) {
	doc.MAC = &libvirtxml.DomainInterfaceMAC{Address: nic.MAC}
	if now := parseInterface(*doc); now.Network == nic.Network && now.Bridge == nic.Bridge {
		return
	}
	doc.Source = &libvirtxml.DomainInterfaceSource{}
	if nic.Network != "" {
		doc.Source.Network = &libvirtxml.DomainInterfaceSourceNetwork{Network: nic.Network}
	} else {
		doc.Source.Bridge = &libvirtxml.DomainInterfaceSourceBridge{Bridge: nic.Bridge}
	}
}

func macOf(i libvirtxml.DomainInterface) string {
	if i.MAC == nil {
		return ""
	}
	return strings.ToLower(i.MAC.Address)
}

// applyBootOrder numbers the devices of each class of d.Boot in turn; the others do not boot.
func (d Domain) applyBootOrder(devices *libvirtxml.DomainDeviceList) {
	bootable := map[string][]**libvirtxml.DomainDeviceBoot{}
	for i := range devices.Interfaces {
		bootable[BootNetwork] = append(bootable[BootNetwork], &devices.Interfaces[i].Boot)
	}
	for i := range devices.Disks {
		class := BootDisk
		if !isDisk(devices.Disks[i]) {
			class = "" // a CD-ROM or floppy drive, which no order names
		}
		bootable[class] = append(bootable[class], &devices.Disks[i].Boot)
	}
	order := uint(0)
	for _, class := range d.Boot {
		for _, boot := range bootable[class] {
			order++
			*boot = merged(*boot, true, func(b *libvirtxml.DomainDeviceBoot) { b.Order = order })
		}
		delete(bootable, class)
	}
	for _, others := range bootable {
		for _, boot := range others {
			*boot = nil
		}
	}
}

func parseDomain(text string) (Domain, error) {
	var doc libvirtxml.Domain
	if err := doc.Unmarshal(text); err != nil {
		return Domain{}, fmt.Errorf("domain XML: %w", err)
	}
	if doc.OS == nil || doc.OS.Type == nil || doc.Memory == nil || doc.VCPU == nil || doc.Devices == nil {
		return Domain{}, errors.New("domain XML: os, memory, vcpu or devices are missing")
	}
	d := Domain{
		Name:        doc.Name,
		UUID:        doc.UUID,
		Arch:        doc.OS.Type.Arch,
		Machine:     doc.OS.Type.Machine,
		Accelerator: accelerators[doc.Type],
		CPU:         cpuOf(doc.CPU),
		VCPUs:       doc.VCPU.Value,
		Memory:      uint64(doc.Memory.Value) * 1024, // libvirt always writes KiB
		Boot:        parseBootOrder(*doc.Devices),
		Note:        parseNote(doc.Metadata),
	}
	for _, disk := range doc.Devices.Disks {
		if isDisk(disk) {
			d.Disks = append(d.Disks, parseDisk(disk))
		}
	}
	for _, nic := range doc.Devices.Interfaces {
		d.Interfaces = append(d.Interfaces, parseInterface(nic))
	}
	return d, nil
}

func parseDisk(doc libvirtxml.DomainDisk) Disk {
	disk := Disk{Path: diskPath(doc), Serial: doc.Serial, ReadOnly: doc.ReadOnly != nil}
	if doc.Driver != nil {
		disk.Format = doc.Driver.Type
	}
	if doc.Target != nil {
		disk.Bus = doc.Target.Bus
	}
	return disk
}

func parseInterface(doc libvirtxml.DomainInterface) Interface {
	nic := Interface{MAC: macOf(doc)}
	switch {
	case doc.Source == nil:
	case doc.Source.Network != nil:
		nic.Network = doc.Source.Network.Network
	case doc.Source.Bridge != nil:
		nic.Bridge = doc.Source.Bridge.Bridge
	}
	return nic
}

// parseBootOrder reads the classes of the devices that boot, in order, each once.
func parseBootOrder(devices libvirtxml.DomainDeviceList) []string {
	type bootable struct {
		class string
		order uint
	}
	var found []bootable
	for _, d := range devices.Disks {
		if isDisk(d) && d.Boot != nil {
			found = append(found, bootable{BootDisk, d.Boot.Order})
		}
	}
	for _, i := range devices.Interfaces {
		if i.Boot != nil {
			found = append(found, bootable{BootNetwork, i.Boot.Order})
		}
	}
	slices.SortFunc(found, func(a, b bootable) int { return cmp.Compare(a.order, b.order) })
	var classes []string
	for _, b := range found {
		if !slices.Contains(classes, b.class) {
			classes = append(classes, b.class)
		}
	}
	return classes
}

// merged is the element after a change: nil when it is not wanted, else the old one or a new one
// with the change made to it.
func merged[T any](old *T, wanted bool, change func(*T)) *T {
	if !wanted {
		return nil
	}
	if old == nil {
		old = new(T)
	}
	change(old)
	return old
}
