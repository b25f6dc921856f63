package netboot

import "github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"

// Network is what a libvirt network tells the guests on it.
type Network struct {
	Name     string
	TFTPRoot string // path that it serves; empty for none
	Server   string // the host's IPv4 address on it; empty for none
	DHCP     bool   // it hands out IPv4 addresses

	Bootfile, NextServer string            // for guests that no rule gives a bootfile
	Rules                []dnsmasq.Rule    // what guests of an architecture or with a MAC address are told
	Reserved             map[string]string // IPv4 addresses, by CanonicalMAC

	// Options are dnsmasq's own options, without those of the rules.
	Options []string
}

// Offer is what DHCP tells a guest of an architecture to boot; mac is empty for any. It is not known where raw options of
// dnsmasq say something about booting.
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
