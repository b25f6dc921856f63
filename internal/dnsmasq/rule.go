// Package dnsmasq writes raw options of dnsmasq that tell guests what to boot, by architecture and by
// guest, so that s390x, ppc64le and x86 share one network; and it reads them back.
//
// For a rule by architecture and one by MAC address, it writes
//
//	dhcp-match=set:netboot-s390x,option:client-arch,31
//	dhcp-option-force=tag:netboot-s390x,210,s390x/
//	dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc
//	dhcp-boot=tag:netboot-525400aabbcc,rescue/kernel,,192.168.150.2
//
// dnsmasq takes the last of several lines that match a guest, and any of them before one without a tag:
// src/rfc2131.c find_boot() and src/dhcp-common.c option_filter() walk lists that src/option.c
// one_opt() puts each line in front of. So what is said of one guest comes last. libvirt writes raw
// options behind its own: src/network/bridge_driver.c networkDnsmasqConfContents().
package dnsmasq

import (
	"cmp"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Rule is what guests of an architecture, or one guest, are told to boot. What one by MAC address leaves
// empty is told by that of the guest's architecture, and what both leave empty by the network's own
// options: neither can take a bootfile away that the network gives to all.
type Rule struct {
	Arch string // one of Architectures; empty where MAC is given
	MAC  string // in lower case with colons; empty where Arch is given

	Bootfile   string // path below the TFTP root, in the field "file" of the answer
	NextServer string // IPv4 address of the TFTP server, of this Bootfile alone; empty for the host itself
	ConfigFile string // DHCP option 209
	PathPrefix string // DHCP option 210
}

// Architectures are those that a rule can be for: s390x, ppc64le, x86_64, x86_64-efi and aarch64-efi, in
// this order, which is also that of their rules.
func Architectures() []string {
	var names []string
	for _, client := range arch.Clients() {
		names = append(names, client.Name)
	}
	return names
}

// numbers are what guests of the rule's architecture say in option 93; none for a rule by MAC address.
func (r Rule) numbers() []int {
	for _, client := range arch.Clients() {
		if client.Name == r.Arch {
			return client.Numbers
		}
	}
	return nil
}

// compare orders rules by architecture before those by MAC address, which thereby win.
func (r Rule) compare(other Rule) int {
	return cmp.Or(
		strings.Compare(r.MAC, other.MAC),
		slices.Index(Architectures(), r.Arch)-slices.Index(Architectures(), other.Arch),
	)
}

// inOrder is a copy in the order of the lines; rules for the same guests stay in theirs.
func inOrder(rules []Rule) []Rule {
	ordered := slices.Clone(rules)
	slices.SortStableFunc(ordered, Rule.compare)
	return ordered
}

// Offer is what a guest with this architecture and MAC address is told by rules, either of which may be
// empty. The result has neither of them, and fields are empty where what the network says to all holds.
//
// A Bootfile comes with the server of its own rule, for both are of one dhcp-boot line; the other fields
// come from whichever rule has them.
func Offer(rules []Rule, architecture, mac string) Rule {
	var offer Rule
	for _, r := range inOrder(rules) {
		if r.Arch != "" && r.Arch == architecture || r.MAC != "" && r.MAC == mac {
			offer = offer.with(r)
		}
	}
	return offer
}

// with is the rule, overruled by a later one.
func (r Rule) with(later Rule) Rule {
	if later.Bootfile != "" {
		r.Bootfile, r.NextServer = later.Bootfile, later.NextServer
	}
	r.ConfigFile = cmp.Or(later.ConfigFile, r.ConfigFile)
	r.PathPrefix = cmp.Or(later.PathPrefix, r.PathPrefix)
	return r
}
