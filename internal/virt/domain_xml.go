package virt

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/beevik/etree"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// A domain's definition is read and changed in libvirt's XML, element by element, so that everything that Domain does
// not model stays in it and does not prevent reading it. Elements: https://libvirt.org/formatdomain.html

// newXML returns the definition of a new domain: a guest with one console, suitable for its architecture, and with
// what d has.
func (d Domain) newXML() (*etree.Element, error) {
	root := etree.NewElement("domain")
	root.CreateElement("name").SetText(d.Name)
	machine := arch.Of(d.Arch)
	if len(machine.Features) > 0 {
		features := root.CreateElement("features")
		for _, feature := range machine.Features {
			features.CreateElement(feature)
		}
	}
	d.Machine = cmp.Or(d.Machine, d.machineFor())
	d.CPU = cmp.Or(d.CPU, machine.CPUs[d.Accelerator])
	d.addFirmware(root)
	root.CreateElement("on_poweroff").SetText("destroy")
	root.CreateElement("on_reboot").SetText("restart")
	root.CreateElement("on_crash").SetText("destroy")
	console := machine.DefaultConsole()
	editConsole(root.CreateElement("devices").CreateElement("console"), console)
	return root, d.edit(root, Domain{Consoles: []string{console}})
}

// domainTypes maps accelerators to libvirt's names.
var domainTypes = map[string]string{"kvm": "kvm", "tcg": "qemu"}

// redefinition returns a definition changed to d.
func (d Domain) redefinition(text string) (*etree.Element, error) {
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	now, err := parseDomainElement(root)
	if err != nil {
		return nil, err
	}
	return root, d.edit(root, now)
}

// edit writes what d models into a definition, whose current content is now, and leaves the rest as it is.
func (d Domain) edit(root *etree.Element, now Domain) error {
	setAttr(root, "type", domainTypes[d.Accelerator])
	d.editNote(root)
	d.editMemory(root, now)
	d.editVCPUs(root, now)
	d.editOS(root, now)
	d.editCPU(root, now)
	devices := child(root, "devices")
	d.editDisks(devices, now)
	d.editCDROMs(devices, now)
	d.editInterfaces(devices, now)
	d.editBoot(root, now)
	d.editConsoles(devices, now)
	d.editGuestAgent(devices, now)
	d.editHostdevs(devices, now)
	d.editFilesystems(devices, now)
	d.editMemoryBacking(root, now)
	d.editRNG(devices, now)
	d.editBalloon(devices, now)
	d.editIOThreads(root, now)
	d.editSecure(root, now)
	return d.editDevices(devices)
}

func (d Domain) editMemory(root *etree.Element, now Domain) {
	if d.Memory == now.Memory && max(d.MaxMemory, d.Memory) == now.MaxMemory {
		return
	}
	editCells(root, int64(max(d.MaxMemory, d.Memory)/1024)-int64(now.MaxMemory/1024))
	editKiB(child(root, "memory"), max(d.MaxMemory, d.Memory))
	editKiB(child(root, "currentMemory"), d.Memory)
}

// editCells adds KiB to NUMA cells in proportion to their size: libvirt takes a guest's memory from the cells,
// whatever <memory> says. https://libvirt.org/formatdomain.html#guest-numa-topology
func editCells(root *etree.Element, more int64) {
	cells := root.FindElements("cpu/numa/cell[@memory]")
	sizes := make([]int64, len(cells))
	var sum int64
	for i, cell := range cells {
		sizes[i], _ = strconv.ParseInt(attr(cell, "memory"), 10, 64) // libvirt writes it in KiB
		sum += sizes[i]
	}
	if sum == 0 || sum+more <= 0 {
		return
	}
	const step = 1024 // KiB; a page of any size is a multiple or a fraction of it
	left := more
	for i, cell := range cells {
		share := more * sizes[i] / sum / step * step
		if i == len(cells)-1 {
			share = left
		}
		left -= share
		cell.CreateAttr("memory", strconv.FormatInt(sizes[i]+share, 10))
	}
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
	removeAll(root, "vcpus") // the list of processors, which libvirt writes again
	vcpu := child(root, "vcpu")
	vcpu.SetText(number(most))
	vcpu.RemoveAttr("current")
	if d.VCPUs != most {
		vcpu.CreateAttr("current", number(d.VCPUs))
	}
}

func (d Domain) editOS(root *etree.Element, now Domain) {
	os := child(root, "os")
	kind := child(os, "type")
	kind.SetText("hvm")
	setAttr(kind, "arch", d.Arch)
	setAttr(kind, "machine", d.Machine)
	if d.Kernel != now.Kernel && d.Kernel.Path+now.Kernel.Path != "" {
		editText(os, "kernel", d.Kernel.Path)
		editText(os, "initrd", d.Kernel.Initrd)
		editText(os, "cmdline", d.Kernel.Cmdline)
	}
}

// cpuModes are the values of Domain.CPU that are a mode and not the name of a model.
var cpuModes = map[string]string{
	"host-passthrough": "host-passthrough",
	"host-model":       "host-model",
	"max":              "maximum",
}

// editCPU keeps what a CPU has in addition to its model, and what a topology has in addition to Topology, such as
// dies, if d asks for the same CPU.
func (d Domain) editCPU(root *etree.Element, now Domain) {
	cpu := child(root, "cpu")
	if d.CPU != now.CPU {
		editModel(cpu, d.CPU)
	}
	if d.CPUFeatures != nil && !maps.Equal(d.CPUFeatures, now.CPUFeatures) {
		removeAll(cpu, "feature")
		for _, name := range slices.Sorted(maps.Keys(d.CPUFeatures)) {
			feature := cpu.CreateElement("feature")
			feature.CreateAttr("policy", d.CPUFeatures[name])
			feature.CreateAttr("name", name)
		}
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

// editModel removes what belongs to another model or mode. Features that are added to or removed from a model stay
// with every model, but cannot exist without one.
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

// cpuOf returns the name that Domain.CPU uses for a CPU, or "" if there is none.
func cpuOf(cpu *etree.Element) string {
	for name, mode := range cpuModes {
		if attr(cpu, "mode") == mode {
			return name
		}
	}
	return childText(cpu.NotNil(), "model")
}

// parseFeatures reads the features that are added to or removed from a CPU's model. It returns nil if there are none.
func parseFeatures(cpu *etree.Element) map[string]string {
	var features map[string]string
	for _, feature := range cpu.NotNil().SelectElements("feature") {
		if features == nil {
			features = map[string]string{}
		}
		features[attr(feature, "name")] = feature.SelectAttrValue("policy", "require") // libvirt's default
	}
	return features
}

func parseDomain(text string) (Domain, error) {
	root, err := parseXML(text)
	if err != nil {
		return Domain{}, fmt.Errorf("domain XML: %w", err)
	}
	return parseDomainElement(root)
}

func parseDomainElement(root *etree.Element) (Domain, error) {
	os, cpu, devices := root.SelectElement("os").NotNil(), root.SelectElement("cpu"), root.SelectElement("devices")
	kind, memory, vcpu := os.SelectElement("type"), root.SelectElement("memory"), root.SelectElement("vcpu")
	if root.Tag != "domain" || kind == nil || memory == nil || vcpu == nil || devices == nil {
		return Domain{}, errors.New("domain XML: os, memory, vcpu or devices are missing")
	}
	d := Domain{
		Name:          childText(root, "name"),
		UUID:          childText(root, "uuid"),
		Arch:          attr(kind, "arch"),
		Machine:       attr(kind, "machine"),
		Accelerator:   accelerators[attr(root, "type")],
		Firmware:      parseFirmware(root, attr(kind, "arch")),
		CPU:           cpuOf(cpu),
		CPUFeatures:   parseFeatures(cpu),
		Kernel:        Kernel{childText(os, "kernel"), childText(os, "initrd"), childText(os, "cmdline")},
		Consoles:      consoleTypes(devices),
		GuestAgent:    slices.ContainsFunc(devices.SelectElements("channel"), isGuestAgent),
		MemoryBacking: parseMemoryBacking(root),
		RNG:           slices.ContainsFunc(devices.SelectElements("rng"), isUnnamed),
		NoBalloon:     attr(devices.SelectElement("memballoon"), "model") == "none",
		Secure:        slices.ContainsFunc(root.SelectElements("launchSecurity"), isSecure),
		Others:        parseOthers(root, devices),
		Note:          parseNote(root.SelectElement("metadata")),
	}
	d.Boot, d.Loadparm = parseBoot(root)
	var problems [2]error
	d.Devices, problems[0] = parseDevices(devices)
	d.IOThreads, problems[1] = parseIOThreads(root)
	for _, element := range cdromElements(devices) {
		d.CDROMs = append(d.CDROMs, parseCDROM(element))
	}
	for _, element := range filesystemElements(devices) {
		d.Filesystems = append(d.Filesystems, parseFilesystem(element))
	}
	for _, element := range hostdevElements(devices) {
		d.Hostdevs = append(d.Hostdevs, parseHostdev(element))
	}
	for _, element := range diskElements(devices) {
		d.Disks = append(d.Disks, parseDisk(element))
	}
	if err := errors.Join(problems[0], problems[1], d.parseMemory(memory, root.SelectElement("currentMemory")), d.parseVCPUs(vcpu), d.parseTopology(cpu), d.parseInterfaces(devices)); err != nil {
		return Domain{}, fmt.Errorf("domain XML: %w", err)
	}
	d.parseNoBoot(devices)
	return d, nil
}

// parseMemory reads a size that libvirt always writes in KiB.
func (d *Domain) parseMemory(memory, current *etree.Element) error {
	most, err := parseText(memory)
	d.MaxMemory, d.Memory = most*1024, most*1024
	if err != nil || current == nil {
		return err
	}
	d.Memory, err = parseText(current)
	d.Memory *= 1024
	return err
}

func (d *Domain) parseVCPUs(vcpu *etree.Element) error {
	most, err := parseText(vcpu)
	if err != nil {
		return err
	}
	current, err := parseNumber(vcpu, "current")
	d.VCPUs, d.MaxVCPUs = cmp.Or(current, uint(most)), uint(most)
	return err
}

func (d *Domain) parseTopology(cpu *etree.Element) error {
	topology := cpu.NotNil().SelectElement("topology")
	var problems [3]error
	for _, level := range []string{"dies", "clusters"} { // Topology cannot express these
		if count, err := parseNumber(topology, level); err == nil && count > 1 {
			return nil
		}
	}
	d.Topology.Sockets, problems[0] = parseNumber(topology, "sockets")
	d.Topology.Cores, problems[1] = parseNumber(topology, "cores")
	d.Topology.Threads, problems[2] = parseNumber(topology, "threads")
	return errors.Join(problems[:]...)
}

func (d *Domain) parseInterfaces(devices *etree.Element) error {
	for _, element := range interfaceElements(devices) {
		nic, err := parseInterface(element)
		if err != nil {
			return err
		}
		d.Interfaces = append(d.Interfaces, nic)
	}
	return nil
}
