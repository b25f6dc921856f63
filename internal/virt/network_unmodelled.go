package virt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// modelledParts maps the elements of a definition that Network models to the attributes that it models.
var modelledParts = map[string]string{
	"name": "", "uuid": "",
	"forward":           "mode dev",
	"forward/interface": "dev connections", // connections counts the guests that use it; libvirt shows it for a running network
	"forward/pf":        "dev",
	"bridge":            "name stp delay",
	"mac":               "address", // libvirt chooses it
	"mtu":               "size",
	"domain":            "name",
	"dns":               "enable", "dns/forwarder": "domain addr", "dns/host": "ip", "dns/host/hostname": "",
	"virtualport": "type",
	"vlan":        "trunk", "vlan/tag": "id",
	"ip": "family address prefix netmask", "ip/tftp": "root",
	"ip/dhcp": "", "ip/dhcp/range": "start end", "ip/dhcp/host": "mac id name ip", "ip/dhcp/bootp": "file server",
	"ip/dhcp/range/lease": "expiry unit", "ip/dhcp/host/lease": "expiry unit",
	"route":                              "family address prefix netmask gateway metric",
	optionsElement:                       "",
	optionsElement + "/" + optionElement: "value",
}

// unmodelled returns what a definition has that Network does not model, each once, in the form in which a user finds
// it there. It leaves out what libvirt adds to every network, and metadata, which belongs to other programs.
func unmodelled(root *etree.Element) []string {
	var parts []string
	add := func(part string) {
		if !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	for _, a := range root.Attr {
		if a.Space == "" && a.Key != "xmlns" && a.Key != "connections" {
			add(fmt.Sprintf("%s of <network>", a.Key))
		}
	}
	for _, ip := range root.SelectElements("ip") {
		if ip != ipElement(root, isIPv4) && ip != ipElement(root, isIPv6) {
			add("an additional address, " + attr(ip, "address"))
		}
	}
	for _, element := range root.ChildElements() {
		addUnmodelled(element, "", add)
	}
	return parts
}

func addUnmodelled(element *etree.Element, parent string, add func(string)) {
	place := strings.TrimPrefix(parent+"/"+element.FullTag(), "/")
	attributes, known := modelledParts[place]
	switch {
	case place == "metadata" || place == "title" || place == "description", isUsual(element, place):
		return
	case !known || place == "virtualport" && attr(element, "type") != "openvswitch":
		add("<" + element.FullTag() + ">")
		return
	}
	for _, a := range element.Attr {
		if !slices.Contains(strings.Fields(attributes), a.Key) {
			add(fmt.Sprintf("%s of <%s>", a.Key, element.FullTag()))
		}
	}
	if place == "ip/dhcp/host" && attr(element, "id") != "" && !(Reservation{IP: attr(element, "ip")}).isIPv6() {
		add("id of <host> in IPv4")
	}
	for _, inner := range element.ChildElements() {
		addUnmodelled(inner, place, add)
	}
}

// isUsual reports whether an element says what libvirt does without it. libvirt writes such elements for each running
// network with NAT: src/network/bridge_driver.c, networkStartNetworkVirtual().
func isUsual(element *etree.Element, place string) bool {
	switch {
	case place != "forward/nat" || len(element.Attr) > 0:
		return false
	default:
		inner := element.ChildElements()
		return len(inner) == 0 || len(inner) == 1 && inner[0].Tag == "port" && attr(inner[0], "start") == "1024" && attr(inner[0], "end") == "65535"
	}
}
