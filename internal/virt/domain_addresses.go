package virt

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/digitalocean/go-libvirt"
)

// AddressSource is who is asked for a guest's addresses.
type AddressSource string

// Sources of addresses.
const (
	FromLeases AddressSource = "lease" // libvirt's DHCP
	FromAgent  AddressSource = "agent" // QEMU's guest agent
	FromARP    AddressSource = "arp"   // the host's neighbours
)

var addressSources = map[AddressSource]libvirt.DomainInterfaceAddressesSource{
	FromLeases: libvirt.DomainInterfaceAddressesSrcLease,
	FromAgent:  libvirt.DomainInterfaceAddressesSrcAgent,
	FromARP:    libvirt.DomainInterfaceAddressesSrcArp,
}

// Addresses are a guest's addresses on its interfaces; one that is off has none, nor has one whose agent
// does not answer.
func (h *Host) Addresses(ctx context.Context, name string, from AddressSource) ([]netip.Addr, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil || domain.ID < 0 {
		return nil, err
	}
	interfaces, err := query(ctx, h, "virDomainInterfaceAddresses", func(l *libvirt.Libvirt) ([]libvirt.DomainInterface, error) {
		return l.DomainInterfaceAddresses(domain, uint32(addressSources[from]), 0)
	})
	// libvirt has many codes for an agent that is not there, and none for an empty table of neighbours.
	if isRefused(err) && from != FromLeases {
		return nil, nil
	}
	if refusedWith(err, libvirt.ErrOperationInvalid) { // the guest has ended since it was looked up
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, i := range interfaces {
		for _, a := range i.Addrs {
			address, err := netip.ParseAddr(a.Addr)
			if err != nil {
				return nil, fmt.Errorf("address of %q: %w", name, err)
			}
			if !address.IsLoopback() { // which only the agent tells
				addresses = append(addresses, address)
			}
		}
	}
	return addresses, nil
}
