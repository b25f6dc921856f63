package virt

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// userAlias begins the aliases that libvirt lets users give to devices and preserves.
// https://libvirt.org/formatdomain.html#devices
const userAlias = "ua-"

// modelledDevices are the elements of devices that Domain always models, whatever they contain.
var modelledDevices = []string{"emulator", "console", "memballoon"}

// isNamed reports whether a user has named a device.
func isNamed(device *etree.Element) bool {
	return strings.HasPrefix(attr(device.SelectElement("alias"), "name"), userAlias)
}

// isModelled reports whether a field of Domain models a device, whether or not the device has a name.
func isModelled(device *etree.Element) bool {
	switch device.Tag {
	case "disk":
		return isDisk(device) || isCDROM(device)
	case "interface":
		return hasPlace(device)
	case "channel":
		return isGuestAgent(device)
	default:
		return slices.Contains(modelledDevices, device.Tag)
	}
}

// namedDevices returns the devices of Domain.Devices.
func namedDevices(devices *etree.Element) map[string]*etree.Element {
	named := map[string]*etree.Element{}
	for _, device := range devices.ChildElements() {
		if name, found := strings.CutPrefix(attr(device.SelectElement("alias"), "name"), userAlias); found && !isModelled(device) {
			named[name] = device
		}
	}
	return named
}

// parseDevices reads the XML of named devices. It returns nil if there are none.
func parseDevices(devices *etree.Element) (map[string]string, error) {
	var texts map[string]string
	for name, device := range namedDevices(devices) {
		plain := device.Copy()
		removeAll(plain, "alias")
		doc := etree.NewDocumentWithRoot(plain)
		doc.Indent(2)
		text, err := doc.WriteToString()
		if err != nil {
			return nil, err
		}
		if texts == nil {
			texts = map[string]string{}
		}
		texts[name] = strings.TrimSpace(text)
	}
	return texts, nil
}

// editDevices makes the named devices those of d, if d has any. A device that already includes all of what is wanted
// stays as it is.
func (d Domain) editDevices(devices *etree.Element) error {
	if d.Devices == nil {
		return nil
	}
	old := namedDevices(devices)
	for name, device := range old {
		if _, wanted := d.Devices[name]; !wanted {
			devices.RemoveChild(device)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Devices)) {
		wanted, err := namedDevice(name, d.Devices[name])
		if err != nil {
			return err
		}
		before := old[name]
		switch {
		case before == nil:
			devices.AddChild(wanted)
		case !includes(before, wanted):
			if address := before.SelectElement("address"); address != nil && before.Tag == wanted.Tag && wanted.SelectElement("address") == nil {
				wanted.AddChild(address.Copy()) // the guest finds it at the same address
			}
			devices.InsertChildAt(before.Index(), wanted)
			devices.RemoveChild(before)
		}
	}
	return nil
}

// namedDevice returns a device with its alias.
func namedDevice(name, text string) (*etree.Element, error) {
	device, err := parseXML(text)
	if err != nil {
		return nil, fmt.Errorf("device %q: %w", name, err)
	}
	device.CreateElement("alias").CreateAttr("name", userAlias+name)
	return device, nil
}

// CheckDevice reports an error if a text cannot be the XML of one of Domain.Devices.
func CheckDevice(text string) error {
	if err := checkOneElement(text); err != nil {
		return err
	}
	device, err := parseXML(text)
	switch {
	case err != nil:
		return err
	case device.SelectElement("alias") != nil:
		return errors.New("it has an alias; remove it, because the provider makes the alias from the device's name")
	case isModelled(device):
		return fmt.Errorf("the resource has attributes for <%s>; use those attributes", device.Tag)
	default:
		return nil
	}
}

// checkOneElement refuses XML that is not exactly one element, and XML in which something can hide.
func checkOneElement(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	depth, roots := 0, 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && strings.TrimSpace(string(token)) != "" {
				return fmt.Errorf("there is text outside the element: %.40q", token)
			}
		case xml.Directive, xml.ProcInst:
			return errors.New("it has a directive or a processing instruction; remove it, because a device does not need one")
		}
	}
	if roots != 1 {
		return fmt.Errorf("it has %d elements; it must have exactly one", roots)
	}
	return nil
}

// IncludesDevice reports whether a device on the host has everything that is written, and perhaps more.
func IncludesDevice(device, written string) bool {
	has, err := parseXML(device)
	if err != nil {
		return false
	}
	wanted, err := parseXML(written)
	return err == nil && includes(has, wanted)
}

// DeviceTag returns the name of a device's element, or "" if there is none.
func DeviceTag(text string) string {
	device, err := parseXML(text)
	if err != nil {
		return ""
	}
	return device.Tag
}

// includes reports whether an element has all attributes, elements and texts of another.
func includes(has, wanted *etree.Element) bool {
	if has.FullTag() != wanted.FullTag() || strings.TrimSpace(has.Text()) != strings.TrimSpace(wanted.Text()) {
		return false
	}
	for _, a := range wanted.Attr {
		if value := has.SelectAttr(a.FullKey()); value == nil || value.Value != a.Value {
			return false
		}
	}
	rest := has.ChildElements()
	for _, child := range wanted.ChildElements() {
		at := slices.IndexFunc(rest, func(other *etree.Element) bool { return includes(other, child) })
		if at < 0 {
			return false
		}
		rest = slices.Delete(rest, at, at+1)
	}
	return true
}
