package virt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/beevik/etree"
)

// Elements that every definition of libvirt has, or that Domain models, are not reported. Domain.Others has the rest.
var (
	plainElements = []string{
		"name", "uuid", "genid", "title", "description", "metadata", "memory", "maxMemory", "currentMemory", "vcpu", "vcpus", "iothreads", "resource", "os",
		"features", "cpu", "clock", "on_poweroff", "on_reboot", "on_crash", "pm", "seclabel", "devices",
	}
	plainDevices = []string{"emulator", "controller", "input", "audio", "memballoon", "rng", "panic", "console", "serial"}
)

// parseOthers lists what a definition has that Domain does not model, for people to read.
func parseOthers(root, devices *etree.Element) []string {
	var others []string
	said := append(slices.Collect(maps.Values(namedDevices(devices))), slices.Concat(hostdevElements(devices), filesystemElements(devices))...)
	for _, device := range devices.ChildElements() {
		if !slices.Contains(plainDevices, device.Tag) && !isModelled(device) && !slices.Contains(said, device) {
			others = append(others, describeDevice(device))
		}
	}
	for _, element := range root.ChildElements() {
		if !slices.Contains(plainElements, element.Tag) && !isSecure(element) && !isPlainBacking(element) {
			others = append(others, element.FullTag())
		}
	}
	return others
}

// isPlainBacking reports whether MemoryBacking models an element of memory backing completely.
func isPlainBacking(element *etree.Element) bool {
	if element.Tag != "memoryBacking" {
		return false
	}
	root := etree.NewElement("domain")
	Domain{MemoryBacking: parseMemoryBacking(element.Parent())}.editMemoryBacking(root, Domain{})
	return includes(root.SelectElement("memoryBacking").NotNil(), element)
}

// describeDevice describes a device in a few words, such as "disk vdb (nvme)" or "hostdev (mdev)".
func describeDevice(device *etree.Element) string {
	kind := device.Tag
	if kind == "disk" {
		kind = device.SelectAttrValue("device", "disk")
	}
	name := cmp.Or(attr(device.SelectElement("mac"), "address"), attr(device.SelectElement("target"), "dev"), attr(device.SelectElement("target"), "name"))
	if name != "" {
		kind += " " + name
	}
	model := device.SelectElement("model")
	sort := cmp.Or(attr(device, "type"), attr(device, "model"), attr(model, "type"), attr(model, "name"))
	if sort != "" && (kind == device.Tag || device.Tag == "disk" || device.Tag == "interface") {
		kind += fmt.Sprintf(" (%s)", sort)
	}
	return kind
}
