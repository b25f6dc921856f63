package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// liveUpdate is one call of virNetworkUpdate.
type liveUpdate struct {
	command libvirt.NetworkUpdateCommand
	section libvirt.NetworkUpdateSection
	family  func(ip *etree.Element) bool // nil where the section is in no address
	element *etree.Element
}

// liveUpdates are the calls that bring the network to another definition while it runs. It is not ok
// where libvirt has none: libvirt src/conf/network_conf.c, virNetworkDefUpdateSection().
func (n Network) liveUpdates(wanted Network) (updates []liveUpdate, ok bool) {
	from, to := n.definition(), wanted.definition()
	if !from.withoutLive().sameDefinition(to.withoutLive()) {
		return nil, false
	}
	updates, ok = from.dnsUpdates(to)
	ipv4, keepsV4 := from.IPv4.liveUpdates(to.IPv4, isIPv4)
	ipv6, keepsV6 := from.IPv6.liveUpdates(to.IPv6, isIPv6)
	return slices.Concat(updates, ipv4, ipv6), ok && keepsV4 && keepsV6
}

// withoutLive is the part of a definition that has no live update.
func (n Network) withoutLive() Network {
	for _, ip := range []**IP{&n.IPv4, &n.IPv6} {
		if *ip == nil {
			continue
		}
		rest := IP{Address: (*ip).Address, DHCP: &DHCP{Ranges: []Range{{}}}} // not empty, so that it counts
		if dhcp := (*ip).DHCP; dhcp != nil {
			rest.DHCP.Bootfile, rest.DHCP.NextServer = dhcp.Bootfile, dhcp.NextServer
		}
		*ip = &rest
	}
	if n.DNS != nil {
		n.DNS = &DNS{Disabled: n.DNS.Disabled, Forwarders: n.DNS.Forwarders}
	}
	return n
}

// liveUpdates turn one DHCP into the other. It is not ok where there would be none for a moment, in which
// libvirt forgets the bootfile: src/conf/network_conf.c, virNetworkIPDefFormat(), writes that beside a
// range or a reservation alone, and libvirt copies a definition by writing and reading it.
func (ip *IP) liveUpdates(wanted *IP, family func(*etree.Element) bool) (updates []liveUpdate, ok bool) {
	if ip == nil || wanted == nil {
		return nil, true
	}
	from, to := ip.DHCP.orEmpty(), wanted.DHCP.orEmpty()
	first, last := from.rangeUpdates(to)
	hosts := from.reservationUpdates(to)
	if len(hosts) > 0 && (!areOfOneEach(from.Reservations) || !areOfOneEach(to.Reservations)) {
		return nil, false // libvirt takes the first that is alike for the one that is meant
	}
	updates = slices.Concat(first, hosts, last)
	offers, boots := len(from.Ranges)+len(from.Reservations), from.Bootfile != "" || from.NextServer != ""
	for i := range updates {
		updates[i].family = family
		switch updates[i].command {
		case libvirt.NetworkUpdateCommandDelete:
			offers--
		case libvirt.NetworkUpdateCommandAddLast:
			offers++
		}
		if offers == 0 && boots {
			return nil, false
		}
	}
	return updates, true
}

// rangeUpdates are those that come first, and those that come when there is something else to offer.
func (d DHCP) rangeUpdates(wanted DHCP) (first, last []liveUpdate) {
	const section = libvirt.NetworkSectionIPDhcpRange
	remove := func(r Range) liveUpdate {
		return liveUpdate{command: libvirt.NetworkUpdateCommandDelete, section: section, element: newElement("range", r, editRange)}
	}
	for _, r := range wanted.Ranges {
		at := slices.IndexFunc(d.Ranges, r.hasEndsOf)
		if at >= 0 && d.Ranges[at] == r {
			continue
		}
		if at >= 0 { // libvirt knows a range by its ends alone
			first = append(first, remove(d.Ranges[at]))
		}
		first = append(first, liveUpdate{command: libvirt.NetworkUpdateCommandAddLast, section: section, element: newElement("range", r, editRange)})
	}
	for _, r := range d.Ranges {
		if !slices.ContainsFunc(wanted.Ranges, r.hasEndsOf) {
			last = append(last, remove(r))
		}
	}
	return first, last
}

func (r Range) hasEndsOf(other Range) bool { return r.Start == other.Start && r.End == other.End }

// reservationUpdates free addresses and names before somebody else gets them.
func (d DHCP) reservationUpdates(wanted DHCP) []liveUpdate {
	const section = libvirt.NetworkSectionIPDhcpHost
	var removed, changed, added []liveUpdate
	for _, r := range d.Reservations {
		if !slices.ContainsFunc(wanted.Reservations, r.canBecome) {
			removed = append(removed, liveUpdate{command: libvirt.NetworkUpdateCommandDelete, section: section, element: newElement("host", r, editHost)})
		}
	}
	for _, r := range wanted.Reservations {
		if slices.Contains(d.Reservations, r) {
			continue
		}
		host := newElement("host", r, editHost)
		at := slices.IndexFunc(d.Reservations, r.canBecome)
		if at < 0 {
			added = append(added, liveUpdate{command: libvirt.NetworkUpdateCommandAddLast, section: section, element: host})
		} else {
			changed = append(changed, liveUpdate{command: libvirt.NetworkUpdateCommandModify, section: section, element: host})
		}
	}
	return slices.Concat(removed, changed, added)
}

// canBecome tells whether libvirt can change one reservation into the other. It looks for the one to
// change by MAC or name, so neither may differ.
func (r Reservation) canBecome(other Reservation) bool {
	return r.MAC == other.MAC && r.DUID == other.DUID && r.Hostname == other.Hostname && (r.MAC != "" || r.IP == other.IP)
}

func (d *DHCP) orEmpty() DHCP {
	if d == nil {
		return DHCP{}
	}
	return *d
}

// dnsUpdates turn one list of DNS hosts into the other. libvirt looks for a host by its address and
// each of its names, and takes no second one that shares any.
func (n Network) dnsUpdates(wanted Network) (updates []liveUpdate, ok bool) {
	const section = libvirt.NetworkSectionDNSHost
	from, to := n.DNS.hosts(), wanted.DNS.hosts()
	for _, host := range from {
		if !slices.ContainsFunc(to, host.equal) {
			updates = append(updates, liveUpdate{command: libvirt.NetworkUpdateCommandDelete, section: section, element: newElement("host", host, editDNSHost)})
		}
	}
	for _, host := range to {
		if !slices.ContainsFunc(from, host.equal) {
			updates = append(updates, liveUpdate{command: libvirt.NetworkUpdateCommandAddLast, section: section, element: newElement("host", host, editDNSHost)})
		}
	}
	return updates, len(updates) == 0 || areDistinct(from) && areDistinct(to)
}

func (d *DNS) hosts() []DNSHost {
	if d == nil {
		return nil
	}
	return d.Hosts
}

func (host DNSHost) equal(other DNSHost) bool {
	return host.IP == other.IP && slices.Equal(host.Names, other.Names)
}

// areDistinct tells whether no address and no name is in two of the hosts.
func areDistinct(hosts []DNSHost) bool {
	return haveOneEach(hosts, func(host DNSHost) []string { return append([]string{host.IP}, host.Names...) })
}

// areOfOneEach tells whether no guest, no address and no name is in two of the reservations, which libvirt takes in a
// definition.
func areOfOneEach(reservations []Reservation) bool {
	return haveOneEach(reservations, func(r Reservation) []string { return []string{r.MAC, r.DUID, r.IP, r.Hostname} })
}

// haveOneEach tells whether no two of the values have a key in common.
func haveOneEach[T any](values []T, keys func(T) []string) bool {
	seen := map[string]bool{}
	for _, value := range values {
		for _, key := range keys(value) {
			if seen[key] {
				return false
			}
			seen[key] = key != ""
		}
	}
	return true
}

// newElement is a value as an element of this name.
func newElement[T any](name string, value T, edit func(*etree.Element, T)) *etree.Element {
	e := etree.NewElement(name)
	edit(e, value)
	return e
}

// updateLive makes the calls on what runs; the definition is changed by itself.
func (h *Host) updateLive(ctx context.Context, x networkXML, updates []liveUpdate) error {
	for _, u := range updates {
		text, err := formatXML(u.element)
		if err != nil {
			return err
		}
		err = change(ctx, h, "virNetworkUpdate", func(l *libvirt.Libvirt) error {
			return l.NetworkUpdateCompat(x.network, u.command, u.section, u.parentIndex(x.running), text, libvirt.NetworkUpdateAffectLive)
		})
		if err != nil {
			return fmt.Errorf("%w (in the live update of %s)", err, text)
		}
	}
	return nil
}

// parentIndex is the place of the address among the network's, -1 where there is none.
func (u liveUpdate) parentIndex(running *etree.Element) int32 {
	if u.family == nil {
		return -1
	}
	return int32(slices.Index(running.SelectElements("ip"), ipElement(running, u.family)))
}
