package virt

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/digitalocean/go-libvirt"
)

// AddressSource is the source of a guest's addresses.
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

// Addresses returns a guest's addresses on its interfaces. It returns none if the guest is off or its agent does not
// answer.
func (h *Host) Addresses(ctx context.Context, name string, from AddressSource) ([]netip.Addr, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil || domain.ID < 0 {
		return nil, err
	}
	interfaces, err := query(ctx, h, "virDomainInterfaceAddresses", func(l *libvirt.Libvirt) ([]libvirt.DomainInterface, error) {
		return l.DomainInterfaceAddresses(domain, uint32(addressSources[from]), 0)
	})
	// libvirt has many error codes for an agent that does not run, and none for an empty neighbour table.
	if isRefused(err) && from != FromLeases {
		return nil, nil
	}
	if refusedWith(err, libvirt.ErrOperationInvalid) { // the guest has ended since the lookup
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
			if !address.IsLoopback() { // only the agent reports these
				addresses = append(addresses, address)
			}
		}
	}
	return addresses, nil
}
