package virt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// Addresses of PCI functions are texts as written by lspci -D: 0000:01:00.1.

// editPCI writes an address, 0000:01:00.1.
func editPCI(address *etree.Element, text string) {
	address.CreateAttr("type", "pci")
	domain, rest, _ := strings.Cut(text, ":")
	bus, rest, _ := strings.Cut(rest, ":")
	slot, function, _ := strings.Cut(rest, ".")
	for i, key := range pciParts {
		address.CreateAttr(key, "0x"+[]string{domain, bus, slot, function}[i])
	}
}

var pciParts = []string{"domain", "bus", "slot", "function"}

// IsPCI reports whether a text is the address of a PCI function, in the form of Interface.PCI.
func IsPCI(text string) bool {
	address := etree.NewElement("address")
	if strings.Count(text, ":") != 2 || strings.Count(text, ".") != 1 {
		return false
	}
	editPCI(address, text)
	return parsePCI(address) == text
}

// parsePCI reads an address as lspci writes it. It returns "" if the element has no address.
func parsePCI(address *etree.Element) string {
	if attr(address, "type") != "pci" {
		return ""
	}
	return parsePCIParts(address)
}

func parsePCIParts(address *etree.Element) string {
	if address == nil {
		return ""
	}
	var parts []any
	for _, key := range pciParts {
		part, err := strconv.ParseUint(address.SelectAttrValue(key, "0"), 0, 32)
		if err != nil {
			return ""
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("%04x:%02x:%02x.%x", parts...)
}
