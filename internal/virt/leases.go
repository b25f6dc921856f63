package virt

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// LeasedAddress is an address that libvirt's DHCP server gave to a guest.
type LeasedAddress struct {
	Address netip.Addr
	Expires time.Time // zero for a lease without end; a renewal changes it
}

// LeasedAddresses returns the leases of a guest's interfaces, whether the guest runs or not. A lease stays until it expires.
func (h *Host) LeasedAddresses(ctx context.Context, name string) ([]LeasedAddress, error) {
	d, err := h.Domain(ctx, name)
	if err != nil {
		return nil, err
	}
	var leases []LeasedAddress
	for _, nic := range d.Interfaces {
		if nic.Network == "" || nic.MAC == "" {
			continue
		}
		found, err := query(ctx, h, "virNetworkGetDHCPLeases", func(l *libvirt.Libvirt) ([]libvirt.NetworkDhcpLease, error) {
			network, err := l.NetworkLookupByName(nic.Network)
			if err != nil {
				return nil, err
			}
			found, _, err := l.NetworkGetDhcpLeases(network, libvirt.OptString{nic.MAC}, 1, 0)
			return found, err
		})
		if err != nil {
			return nil, err
		}
		for _, lease := range found {
			address, err := netip.ParseAddr(lease.Ipaddr)
			if err != nil {
				return nil, fmt.Errorf("lease of %q: %w", name, err)
			}
			leases = append(leases, LeasedAddress{address, expiry(lease.Expirytime)})
		}
	}
	return leases, nil
}

func expiry(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
