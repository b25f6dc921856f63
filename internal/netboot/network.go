package netboot

import "github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"

// Network is what a libvirt network tells the guests on it.
type Network struct {
	Name     string
	TFTPRoot string // path of the TFTP root that it serves; empty for none
	Server   string // the host's IPv4 address on the network; empty for none
	DHCP     bool   // it hands out IPv4 addresses

	Bootfile, NextServer string            // for guests that get no bootfile from a rule
	Rules                []dnsmasq.Rule    // what guests of an architecture or with a MAC address are told
	Reserved             map[string]string // IPv4 addresses, by CanonicalMAC

	// Options are dnsmasq's own options, without those of the rules.
	Options []string
}

// Offer is what DHCP tells a guest of an architecture to boot; mac is empty for any guest. It is not known if raw options of
// dnsmasq concern booting.
func (n Network) Offer(arch, mac string) (offer dnsmasq.Rule, known bool) {
	if dnsmasq.SpeaksOfBooting(n.Options) {
		return dnsmasq.Rule{}, false
	}
	offer = dnsmasq.Offer(n.Rules, arch, mac)
	if offer.Bootfile == "" {
		offer.Bootfile, offer.NextServer = n.Bootfile, n.NextServer
	}
	return offer, true
}
