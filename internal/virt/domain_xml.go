package virt

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/beevik/etree"
	"libvirt.org/go/libvirtxml"
)

// A domain's definition is read by libvirt's types, and changed in the XML that libvirt has, element by
// element, so that whatever Domain does not model stays in it.
// Elements: https://libvirt.org/formatdomain.html

// newXML is the definition of a domain that is not there yet: a guest with one console, right for its
// architecture, and with what d says.
func (d Domain) newXML() *etree.Element {
	root := etree.NewElement("domain")
	root.CreateElement("name").SetText(d.Name)
	if d.Arch == "x86_64" { // needs them to hear that it shall shut down; libvirt refuses ACPI for s390x
		features := root.CreateElement("features")
		features.CreateElement("acpi")
		features.CreateElement("apic")
	}
	root.CreateElement("on_poweroff").SetText("destroy")
	root.CreateElement("on_reboot").SetText("restart")
	root.CreateElement("on_crash").SetText("destroy")
	console := DefaultConsole(d.Arch)
	editConsole(root.CreateElement("devices").CreateElement("console"), console)
	d.edit(root, Domain{Consoles: []string{console}})
	return root
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

// redefinition is a definition changed to what d says.
func (d Domain) redefinition(text string) (*etree.Element, error) {
	now, err := parseDomain(text)
	if err != nil {
		return nil, err
	}
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	d.edit(root, now)
	return root, nil
}

// edit writes what d models into a definition, which says now, and leaves the rest of it as it is.
func (d Domain) edit(root *etree.Element, now Domain) {
	setAttr(root, "type", domainTypes[d.Accelerator])
	d.editNote(root)
	d.editMemory(root, now)
	d.editVCPUs(root, now)
	d.editOS(root)
	d.editCPU(root, now)
	devices := child(root, "devices")
	d.editDisks(devices, now)
	d.editInterfaces(devices, now)
	d.editBootOrder(devices, now)
	d.editConsoles(devices, now)
	d.editGuestAgent(devices, now)
}

func (d Domain) editMemory(root *etree.Element, now Domain) {
	if d.Memory == now.Memory && max(d.MaxMemory, d.Memory) == now.MaxMemory {
		return
	}
	editKiB(child(root, "memory"), max(d.MaxMemory, d.Memory))
	editKiB(child(root, "currentMemory"), d.Memory)
}

func editKiB(element *etree.Element, bytes uint64) {
	element.CreateAttr("unit", "KiB")
	element.SetText(strconv.FormatUint(bytes/1024, 10))
}

func (d Domain) editVCPUs(root *etree.Element, now Domain) {
	most := max(d.MaxVCPUs, d.VCPUs)
	if d.VCPUs == now.VCPUs && most == now.MaxVCPUs {
		return
	}
	removeAll(root, "vcpus") // the list of each of them, which libvirt makes anew
	vcpu := child(root, "vcpu")
	vcpu.SetText(number(most))
	vcpu.RemoveAttr("current")
	if d.VCPUs != most {
		vcpu.CreateAttr("current", number(d.VCPUs))
	}
}

func vcpusOf(doc *libvirtxml.DomainVCPU) (current, most uint) {
	if doc == nil {
		return 0, 0
	}
	return cmp.Or(doc.Current, doc.Value), doc.Value
}

func (d Domain) editOS(root *etree.Element) {
	os := child(root, "os")
	if len(d.Boot) > 0 { // "per-device boot elements cannot be used together with os/boot elements" (libvirt)
		removeAll(os, "boot")
	}
	kind := child(os, "type")
	kind.SetText("hvm")
	setAttr(kind, "arch", d.Arch)
	setAttr(kind, "machine", d.Machine)
	editText(os, "kernel", d.Kernel.Path)
	editText(os, "initrd", d.Kernel.Initrd)
	editText(os, "cmdline", d.Kernel.Cmdline)
}

// cpuModes are the values of Domain.CPU that are a mode and not a model's name.
var cpuModes = map[string]string{
	"host-passthrough": "host-passthrough",
	"host-model":       "host-model",
	"max":              "maximum",
}

// editCPU keeps what a CPU has beside its model, and what a topology has, such as dies, where d says the same.
func (d Domain) editCPU(root *etree.Element, now Domain) {
	cpu := child(root, "cpu")
	if d.CPU != now.CPU {
		editModel(cpu, d.CPU)
	}
	if t := d.Topology; t != now.Topology {
		removeAll(cpu, "topology")
		if t != (Topology{}) {
			topology := cpu.CreateElement("topology")
			topology.CreateAttr("sockets", number(t.Sockets))
			topology.CreateAttr("cores", number(t.Cores))
			topology.CreateAttr("threads", number(t.Threads))
		}
	}
	if len(cpu.Attr)+len(cpu.ChildElements()) == 0 {
		root.RemoveChild(cpu)
	}
}

// editModel takes away what belongs to another model or mode. Features that a CPU has or lacks beside its
// model stay with every model, but cannot be without one.
func editModel(cpu *etree.Element, model string) {
	for _, key := range []string{"mode", "match", "check", "migratable"} {
		cpu.RemoveAttr(key)
	}
	removeAll(cpu, "model")
	removeAll(cpu, "vendor")
	switch mode, isMode := cpuModes[model]; {
	case model == "":
		removeAll(cpu, "feature")
	case isMode:
		cpu.CreateAttr("mode", mode)
	default:
		cpu.CreateAttr("mode", "custom")
		cpu.CreateAttr("match", "exact")
		cpu.CreateElement("model").SetText(model)
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
