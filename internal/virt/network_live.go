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
	family  func(ip *etree.Element) bool // nil if the section is not part of an address
	element *etree.Element
}

// liveUpdates returns the calls that change the network to another definition while it runs. ok is false if libvirt
// has no such calls: libvirt src/conf/network_conf.c, virNetworkDefUpdateSection().
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

// withoutLive returns the part of a definition that cannot be updated live.
func (n Network) withoutLive() Network {
	for _, ip := range []**IP{&n.IPv4, &n.IPv6} {
		if *ip == nil {
			continue
		}
		rest := IP{Address: (*ip).Address, DHCP: &DHCP{Ranges: []Range{{}}}} // not empty, so that it is compared
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

// liveUpdates returns the calls that change one DHCP into the other. ok is false if there would be nothing to offer
// for a moment, because libvirt then forgets the bootfile: src/conf/network_conf.c, virNetworkIPDefFormat(), writes
// the bootfile only together with a range or a reservation, and libvirt copies a definition by writing and reading
// it.
func (ip *IP) liveUpdates(wanted *IP, family func(*etree.Element) bool) (updates []liveUpdate, ok bool) {
	if ip == nil || wanted == nil {
		return nil, true
	}
	from, to := ip.DHCP.orEmpty(), wanted.DHCP.orEmpty()
	first, last := from.rangeUpdates(to)
	hosts := from.reservationUpdates(to)
	if len(hosts) > 0 && (!areOfOneEach(from.Reservations) || !areOfOneEach(to.Reservations)) {
		return nil, false // libvirt updates the first one that is similar to the intended one
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

// rangeUpdates returns the updates that come first, and those that come when there is something else to offer.
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
		if at >= 0 { // libvirt identifies a range only by its ends
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

// reservationUpdates first removes reservations, so that their addresses and names are free for others.
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

// canBecome reports whether libvirt can change one reservation into the other. libvirt looks for the reservation by
// MAC address or name, so neither may differ.
func (r Reservation) canBecome(other Reservation) bool {
	return r.MAC == other.MAC && r.DUID == other.DUID && r.Hostname == other.Hostname && (r.MAC != "" || r.IP == other.IP)
}

func (d *DHCP) orEmpty() DHCP {
	if d == nil {
		return DHCP{}
	}
	return *d
}

// dnsUpdates returns the calls that change one list of DNS hosts into the other. libvirt looks for a host by its
// address and each of its names, and accepts no second host that shares any of them.
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

// areDistinct reports whether no two hosts share an address or a name.
func areDistinct(hosts []DNSHost) bool {
	return haveOneEach(hosts, func(host DNSHost) []string { return append([]string{host.IP}, host.Names...) })
}

// areOfOneEach reports whether no two reservations share a guest, an address or a name. libvirt accepts such
// reservations in a definition.
func areOfOneEach(reservations []Reservation) bool {
	return haveOneEach(reservations, func(r Reservation) []string { return []string{r.MAC, r.DUID, r.IP, r.Hostname} })
}

// haveOneEach reports whether no two values share a key.
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

// newElement returns a value as an element with this name.
func newElement[T any](name string, value T, edit func(*etree.Element, T)) *etree.Element {
	e := etree.NewElement(name)
	edit(e, value)
	return e
}

// updateLive makes the calls for the running network. The definition is changed separately.
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

// parentIndex returns the index of the address among the network's addresses, or -1 if the update has none.
func (u liveUpdate) parentIndex(running *etree.Element) int32 {
	if u.family == nil {
		return -1
	}
	return int32(slices.Index(running.SelectElements("ip"), ipElement(running, u.family)))
}
