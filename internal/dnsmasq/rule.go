// Package dnsmasq writes and reads raw options of dnsmasq that tell guests what to boot, by architecture and
// by guest, so that s390x, ppc64le and x86 can share a network.
//
// For a rule by architecture and a rule by MAC address, it writes
//
//	dhcp-match=set:netboot-s390x,option:client-arch,31
//	dhcp-option-force=tag:netboot-s390x,210,s390x/
//	dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc
//	dhcp-boot=tag:netboot-525400aabbcc,rescue/kernel,,192.168.150.2
//
// dnsmasq uses the last of several lines that match a guest, and prefers a line with a tag to a line without
// one: src/rfc2131.c find_boot() and src/dhcp-common.c option_filter() walk lists to which src/option.c
// one_opt() adds each line at the front. So the lines for a single guest come last. libvirt writes raw
// options after its own: src/network/bridge_driver.c networkDnsmasqConfContents().
package dnsmasq

import (
	"cmp"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Rule says what guests of an architecture, or a single guest, boot. A field that is empty in a rule by MAC
// address comes from the rule for the guest's architecture. A field that is empty in both comes from the
// network's own options. So a rule cannot remove a bootfile that the network gives to all guests.
type Rule struct {
	Arch string // one of Architectures; empty if MAC is set
	MAC  string // in lower case with colons; empty if Arch is set

	Bootfile   string // path below the TFTP root, in the field "file" of the answer; a URL for HTTP boot
	NextServer string // IPv4 address of the TFTP server, only for this Bootfile; empty for the host itself
	ConfigFile string // DHCP option 209
	PathPrefix string // DHCP option 210
}

// Architectures returns the architectures that a rule can be for: s390x, ppc64le, x86_64, x86_64-efi, x86_64-http,
// aarch64-efi and aarch64-http. Their rules are written in this order.
func Architectures() []string {
	var names []string
	for _, client := range arch.Clients() {
		names = append(names, client.Name)
	}
	return names
}

// numbers returns the numbers that guests of the rule's architecture send in option 93; nil for a rule by
// MAC address.
func (r Rule) numbers() []int { return r.client().Numbers }

// client returns the client of the rule's architecture; none for a rule by MAC address.
func (r Rule) client() arch.Client {
	for _, client := range arch.Clients() {
		if client.Name == r.Arch {
			return client
		}
	}
	return arch.Client{}
}

// compare orders rules by architecture before rules by MAC address, which therefore take precedence.
func (r Rule) compare(other Rule) int {
	return cmp.Or(
		strings.Compare(r.MAC, other.MAC),
		slices.Index(Architectures(), r.Arch)-slices.Index(Architectures(), other.Arch),
	)
}

// inOrder returns a copy in the order of the lines; rules for the same guests keep their order.
func inOrder(rules []Rule) []Rule {
	ordered := slices.Clone(rules)
	slices.SortStableFunc(ordered, Rule.compare)
	return ordered
}

// Offer returns what rules tell a guest with this architecture and MAC address, either of which may be
// empty. The result has neither Arch nor MAC. Its empty fields come from what the network tells all guests.
//
// Bootfile and NextServer come from the same rule, because they are in the same dhcp-boot line. The other
// fields come from any rule that has them.
func Offer(rules []Rule, architecture, mac string) Rule {
	var offer Rule
	for _, r := range inOrder(rules) {
		if r.Arch != "" && r.Arch == architecture || r.MAC != "" && r.MAC == mac {
			offer = offer.with(r)
		}
	}
	return offer
}

// with returns the rule, overridden by a later rule.
func (r Rule) with(later Rule) Rule {
	if later.Bootfile != "" {
		r.Bootfile, r.NextServer = later.Bootfile, later.NextServer
	}
	r.ConfigFile = cmp.Or(later.ConfigFile, r.ConfigFile)
	r.PathPrefix = cmp.Or(later.PathPrefix, r.PathPrefix)
	return r
}
