package framework

import (
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// BootRules are a network's rules of ipv4.dhcp.boot, and its other raw options. Without DHCP there are no rules.
func BootRules(n virt.Network) (rules []dnsmasq.Rule, options []string) {
	if n.IPv4 == nil || n.IPv4.DHCP == nil {
		return nil, n.Options
	}
	return dnsmasq.Rules(n.Options)
}

// NetworkOf is what a network tells the guests on it.
func NetworkOf(n virt.Network) netboot.Network {
	network := netboot.Network{Name: n.Name, TFTPRoot: n.TFTPRoot, Reserved: map[string]string{}}
	network.Rules, network.Options = BootRules(n)
	if n.IPv4 == nil {
		return network
	}
	network.Server = n.IPv4.Address.Addr().String()
	if dhcp := n.IPv4.DHCP; dhcp != nil {
		network.DHCP, network.Bootfile, network.NextServer = true, dhcp.Bootfile, dhcp.NextServer
		for _, reservation := range dhcp.Reservations {
			if reservation.MAC == "" { // the guest is known by its name
				continue
			}
			network.Reserved[netboot.CanonicalMAC(reservation.MAC)] = reservation.IP
		}
	}
	return network
}
