package virt

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/beevik/etree"
)

// What dnsmasq serves on a network, written into the definition that libvirt has.

func (d *DHCP) edit(dhcp *etree.Element) {
	replaceAll(dhcp, "range", d.Ranges, func(old *etree.Element, r Range) bool {
		return attr(old, "start") == r.Start && attr(old, "end") == r.End
	}, editRange)
	replaceAll(dhcp, "host", d.Reservations, func(old *etree.Element, r Reservation) bool {
		return r.isOf(parseReservation(old, 0))
	}, editHost)
	if d.Bootfile == "" && d.NextServer == "" {
		removeAll(dhcp, "bootp")
		return
	}
	bootp := child(dhcp, "bootp")
	setAttr(bootp, "file", d.Bootfile)
	setAttr(bootp, "server", d.NextServer)
}

// isOf reports whether two reservations belong to the same guest. A guest is identified by its MAC address or its
// DUID, or otherwise by its name.
func (r Reservation) isOf(other Reservation) bool {
	if r.MAC != "" || r.DUID != "" {
		return r.MAC == other.MAC && r.DUID == other.DUID
	}
	return other.MAC == "" && other.DUID == "" && r.Hostname == other.Hostname
}

func editRange(element *etree.Element, r Range) {
	element.CreateAttr("start", r.Start)
	element.CreateAttr("end", r.End)
	editLease(element, r.Lease)
}

func editHost(element *etree.Element, r Reservation) {
	if canonicalMAC(attr(element, "mac")) != r.MAC {
		setAttr(element, "mac", r.MAC)
	}
	if r.isIPv6() && !strings.EqualFold(attr(element, "id"), r.DUID) {
		setAttr(element, "id", r.DUID)
	}
	setAttr(element, "name", r.Hostname)
	setAttr(element, "ip", r.IP)
	editLease(element, r.Lease)
}

// editLease keeps a lease time as it is written if it is the same time in another unit.
func editLease(of *etree.Element, wanted Lease) {
	if before, err := parseLease(of.SelectElement("lease")); err == nil && before == wanted {
		return
	}
	switch wanted {
	case 0:
		removeAll(of, "lease")
	case Endless:
		lease := child(of, "lease")
		lease.CreateAttr("expiry", "0")
		lease.RemoveAttr("unit")
	default:
		lease := child(of, "lease")
		lease.CreateAttr("expiry", strconv.FormatInt(int64(wanted), 10))
		lease.CreateAttr("unit", "seconds")
	}
}

// edit keeps everything in a DNS element other than hosts and forwarders, even if d is nil.
func (d *DNS) edit(root *etree.Element) {
	if d == nil {
		d = &DNS{}
	}
	dns := child(root, "dns")
	if disabled := attr(dns, "enable") == "no"; disabled != d.Disabled { // the attribute may be "yes" or missing
		setAttr(dns, "enable", map[bool]string{true: "no"}[d.Disabled])
	}
	replaceAll(dns, "forwarder", d.Forwarders, func(old *etree.Element, f Forwarder) bool {
		return parseForwarder(old) == f
	}, func(element *etree.Element, f Forwarder) {
		setAttr(element, "domain", f.Domain)
		setAttr(element, "addr", f.Address)
	})
	replaceAll(dns, "host", d.Hosts, func(old *etree.Element, host DNSHost) bool {
		return reflect.DeepEqual(parseDNSHost(old), host)
	}, editDNSHost)
	if len(dns.Attr)+len(dns.ChildElements()) == 0 {
		root.RemoveChild(dns)
	}
}

func editDNSHost(element *etree.Element, host DNSHost) {
	element.CreateAttr("ip", host.IP)
	removeAll(element, "hostname")
	for _, name := range host.Names {
		element.CreateElement("hostname").SetText(name)
	}
}

func (n Network) editOptions(root *etree.Element) {
	if len(n.Options) == 0 {
		removeAll(root, optionsElement)
		return
	}
	root.CreateAttr("xmlns:dnsmasq", dnsmasqNamespace)
	options := child(root, optionsElement)
	removeAll(options, optionElement)
	for _, option := range n.Options {
		options.CreateElement(optionElement).CreateAttr("value", option)
	}
}
