package virt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"libvirt.org/go/libvirtxml"
)

// newDomainXML is the definition of a new domain before what the user says is applied: a guest
// with one console, right for its architecture.
func newDomainXML(d Domain) *libvirtxml.Domain {
	return &libvirtxml.Domain{
		Name:       d.Name,
		Features:   newFeatures(d.Arch),
		OnPoweroff: "destroy",
		OnReboot:   "restart",
		OnCrash:    "destroy",
		Devices: &libvirtxml.DomainDeviceList{
			Consoles: []libvirtxml.DomainConsole{newConsole(DefaultConsole(d.Arch))},
		},
	}
}

// newFeatures are what guests of an architecture need to hear that they shall shut down. Others have no
// such thing, and libvirt refuses it for s390x.
func newFeatures(arch string) *libvirtxml.DomainFeatureList {
	if arch != "x86_64" {
		return nil
	}
	return &libvirtxml.DomainFeatureList{ACPI: &libvirtxml.DomainFeature{}, APIC: &libvirtxml.DomainFeatureAPIC{}}
}

// DefaultConsole is the console that the architecture's firmware writes to. On s390x that is SCLP,
// which Linux calls ttysclp0; https://libvirt.org/formatdomain.html#console.
func DefaultConsole(arch string) string {
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
	d.applyMemory(doc)
	d.applyVCPUs(doc)
	d.applyCPU(doc)
	d.applyTopology(doc)
	if err := d.applyNote(doc); err != nil {
		return err
	}
	if doc.Devices == nil {
		doc.Devices = &libvirtxml.DomainDeviceList{}
	}
	d.applyDisks(doc.Devices)
	d.applyInterfaces(doc.Devices)
	d.applyBootOrder(doc.Devices)
	d.applyConsoles(doc.Devices)
	d.applyGuestAgent(doc.Devices)
	return nil
}

func (d Domain) applyMemory(doc *libvirtxml.Domain) {
	most := max(d.MaxMemory, d.Memory)
	doc.Memory = merged(doc.Memory, true, func(m *libvirtxml.DomainMemory) { m.Value, m.Unit = uint(most/1024), "KiB" })
	doc.CurrentMemory = merged(doc.CurrentMemory, d.Memory != most, func(m *libvirtxml.DomainCurrentMemory) {
		m.Value, m.Unit = uint(d.Memory/1024), "KiB"
	})
}

func (d Domain) applyVCPUs(doc *libvirtxml.Domain) {
	wanted := max(d.MaxVCPUs, d.VCPUs)
	if current, most := vcpusOf(doc.VCPU); current == d.VCPUs && most == wanted {
		return
	}
	doc.VCPUs = nil // the list of each of them, which libvirt makes anew
	doc.VCPU = merged(doc.VCPU, true, func(v *libvirtxml.DomainVCPU) {
		v.Value, v.Current = wanted, 0
		if d.VCPUs != wanted {
			v.Current = d.VCPUs
		}
	})
}

func vcpusOf(doc *libvirtxml.DomainVCPU) (current, most uint) {
	if doc == nil {
		return 0, 0
	}
	return cmp.Or(doc.Current, doc.Value), doc.Value
}

func (d Domain) applyOS(doc *libvirtxml.Domain) {
	if doc.OS == nil {
		doc.OS = &libvirtxml.DomainOS{}
	}
	// "per-device boot elements cannot be used together with os/boot elements" (libvirt)
	doc.OS.BootDevices = nil
	doc.OS.Type = &libvirtxml.DomainOSType{Type: "hvm", Arch: d.Arch, Machine: d.Machine}
	doc.OS.Kernel, doc.OS.Initrd, doc.OS.Cmdline = d.Kernel.Path, d.Kernel.Initrd, d.Kernel.Cmdline
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

// applyTopology keeps what a topology has beside what d models, such as dies, where d says the same.
func (d Domain) applyTopology(doc *libvirtxml.Domain) {
	switch {
	case topologyOf(doc.CPU) == d.Topology:
		return
	case doc.CPU == nil:
		doc.CPU = &libvirtxml.DomainCPU{}
	}
	doc.CPU.Topology = nil
	if t := d.Topology; t != (Topology{}) {
		doc.CPU.Topology = &libvirtxml.DomainCPUTopology{Sockets: int(t.Sockets), Cores: int(t.Cores), Threads: int(t.Threads)}
	}
}

func topologyOf(doc *libvirtxml.DomainCPU) Topology {
	if doc == nil || doc.Topology == nil {
		return Topology{}
	}
	return Topology{uint(doc.Topology.Sockets), uint(doc.Topology.Cores), uint(doc.Topology.Threads)}
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
		MaxMemory:   uint64(doc.Memory.Value) * 1024, // libvirt always writes KiB
		Topology:    topologyOf(doc.CPU),
		Kernel:      Kernel{doc.OS.Kernel, doc.OS.Initrd, doc.OS.Cmdline},
		Consoles:    consoleTypes(*doc.Devices),
		GuestAgent:  slices.ContainsFunc(doc.Devices.Channels, isGuestAgent),
		Note:        parseNote(doc.Metadata),
	}
	d.VCPUs, d.MaxVCPUs = vcpusOf(doc.VCPU)
	d.Memory = d.MaxMemory
	if doc.CurrentMemory != nil {
		d.Memory = uint64(doc.CurrentMemory.Value) * 1024
	}
	d.Boot, d.Loadparm = parseBootOrder(*doc.Devices)
	for _, disk := range doc.Devices.Disks {
		if isDisk(disk) {
			parsed := parseDisk(disk)
			parsed.NoBoot = disk.Boot == nil && slices.Contains(d.Boot, BootDisk)
			d.Disks = append(d.Disks, parsed)
		}
	}
	for _, nic := range doc.Devices.Interfaces {
		parsed := parseInterface(nic)
		parsed.NoBoot = nic.Boot == nil && slices.Contains(d.Boot, BootNetwork)
		d.Interfaces = append(d.Interfaces, parsed)
	}
	return d, nil
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
