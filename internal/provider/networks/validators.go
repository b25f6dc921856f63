package networks

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

var (
	leaseTime     = framework.Rule{What: "lease time", Check: checkLeaseTime}
	hostname      = framework.Rule{What: "host name", Check: checkHostname}
	domainName    = framework.Rule{What: "domain", Check: checkHostname}
	ipv4Address   = framework.Rule{What: "address", Check: checkIPv4Address}
	duid          = framework.Rule{What: "DUID", Check: checkDUID}
	networkPrefix = framework.Rule{What: "network", Check: checkNetworkPrefix}
	tftpRoot      = framework.Rule{What: "tftp_root", Check: checkTFTPRoot}
	dnsmasqOption = framework.Rule{What: "option of dnsmasq", Check: checkDnsmasqOption}
)

// checkTFTPRoot accepts the path of a TFTP root, and refuses its id, which images and pxelinux configurations use.
func checkTFTPRoot(value string) error {
	if value != "" && !strings.Contains(value, "/") {
		return fmt.Errorf("%q is not a path; set the path of the netboot_tftp_root, as in tftp_root = netboot_tftp_root.NAME.path", value)
	}
	return framework.AbsolutePath.Check(value)
}

// checkLeaseTime accepts what dnsmasq accepts: two minutes and more (dnsmasq(8), --dhcp-range).
func checkLeaseTime(value string) error {
	if value == endless {
		return nil
	}
	lease, err := time.ParseDuration(value)
	if err != nil || lease < 2*time.Minute || lease%time.Second != 0 {
		return fmt.Errorf("%q is neither a duration of at least two minutes in whole seconds, such as \"2h\" or \"45m\", nor \"infinite\"", value)
	}
	return nil
}

func checkIPv4Address(value string) error {
	if address, err := netip.ParseAddr(value); err != nil || !address.Is4() {
		return fmt.Errorf("%q is not an IPv4 address, such as 192.168.150.2", value)
	}
	return nil
}

// checkNetworkPrefix accepts the destinations of routes that libvirt accepts: src/conf/virnetworkrouteconf.c.
func checkNetworkPrefix(value string) error {
	to, err := netip.ParsePrefix(value)
	if err != nil || to != to.Masked() {
		return fmt.Errorf("%q is not the address of a network with its prefix length, such as 198.51.100.0/24 or 2001:db8::/48", value)
	}
	return nil
}

// checkHostname accepts a name that dnsmasq hands out: letters, digits, hyphens and dots (RFC 1123).
func checkHostname(value string) error {
	for label := range strings.SplitSeq(value, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || strings.HasPrefix(label, "-") {
			return fmt.Errorf("%q is not a host name; a host name has letters, digits and hyphens between its dots", value)
		}
	}
	return nil
}

// checkDUID accepts a DUID as libvirt does: octets in hexadecimal, with or without a leading zero, separated by
// colons (libvirt src/util/virdnsmasq.c and RFC 8415 section 11, which allows 3 to 130 octets).
func checkDUID(value string) error {
	octets := strings.Split(value, ":")
	for _, octet := range octets {
		if len(octet) == 0 || len(octet) > 2 || strings.Trim(octet, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("%q is not a DUID, which is octets in hexadecimal, separated by colons, such as 00:04:7d:0a", value)
		}
	}
	if len(octets) < 3 || len(octets) > 130 {
		return fmt.Errorf("%q has %d octets; a DUID has 3 to 130", value, len(octets))
	}
	return nil
}

// checkDnsmasqOption accepts one line of dnsmasq's configuration, unless the provider writes such a line for a rule in
// boot.
func checkDnsmasqOption(value string) error {
	switch {
	case value == "":
		return errors.New("an option cannot be empty")
	case framework.HasInvisible(value):
		return fmt.Errorf("%q has an invisible character; an option is a single line", value)
	case dnsmasq.UsesOurTags(value):
		return fmt.Errorf("%q uses a tag that begins with netboot-, which is reserved for ipv4.dhcp.boot; use ipv4.dhcp.boot, or another tag", value)
	default:
		return nil
	}
}
