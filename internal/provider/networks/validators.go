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

// checkTFTPRoot tells a path from the id that images and pxelinux configurations have.
func checkTFTPRoot(value string) error {
	if value != "" && !strings.Contains(value, "/") {
		return fmt.Errorf("%q is not a path; write that of the netboot_tftp_root, as in tftp_root = netboot_tftp_root.NAME.path", value)
	}
	return framework.AbsolutePath.Check(value)
}

// checkLeaseTime accepts what dnsmasq does: two minutes and more (dnsmasq(8), --dhcp-range).
func checkLeaseTime(value string) error {
	if value == endless {
		return nil
	}
	lease, err := time.ParseDuration(value)
	if err != nil || lease < 2*time.Minute || lease%time.Second != 0 {
		return fmt.Errorf("%q is not a duration of at least two minutes in whole seconds, such as \"2h\" or \"45m\", nor \"infinite\"", value)
	}
	return nil
}

func checkIPv4Address(value string) error {
	if address, err := netip.ParseAddr(value); err != nil || !address.Is4() {
		return fmt.Errorf("%q is not an IPv4 address, such as 192.168.150.2", value)
	}
	return nil
}

// checkNetworkPrefix accepts what libvirt has a route to: src/conf/virnetworkrouteconf.c.
func checkNetworkPrefix(value string) error {
	to, err := netip.ParsePrefix(value)
	if err != nil || to != to.Masked() {
		return fmt.Errorf("%q is not the address of a network with the length of its prefix, such as 198.51.100.0/24 or 2001:db8::/48", value)
	}
	return nil
}

// checkHostname accepts a name that dnsmasq hands out: letters, digits, hyphens and dots (RFC 1123).
func checkHostname(value string) error {
	for label := range strings.SplitSeq(value, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || strings.HasPrefix(label, "-") {
			return fmt.Errorf("%q is not a host name, which has letters, digits and hyphens between its dots", value)
		}
	}
	return nil
}

// checkDUID accepts a DUID as libvirt does: octets in hexadecimal, a zero before a digit left out or not, with
// colons between (libvirt src/util/virdnsmasq.c and RFC 8415 section 11, which allows 3 to 130 octets).
func checkDUID(value string) error {
	octets := strings.Split(value, ":")
	for _, octet := range octets {
		if len(octet) == 0 || len(octet) > 2 || strings.Trim(octet, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("%q is not a DUID, octets in hexadecimal with colons between, such as 00:04:7d:0a", value)
		}
	}
	if len(octets) < 3 || len(octets) > 130 {
		return fmt.Errorf("%q has %d octets; a DUID has 3 to 130", value, len(octets))
	}
	return nil
}

// checkDnsmasqOption accepts one line of dnsmasq's configuration that is not one of the lines that
// rules of boot become.
func checkDnsmasqOption(value string) error {
	switch {
	case value == "":
		return errors.New("an option cannot be empty")
	case framework.HasInvisible(value):
		return fmt.Errorf("%q has an invisible character; an option is one line", value)
	case dnsmasq.UsesOurTags(value):
		return fmt.Errorf("%q uses a tag that begins with netboot-, as those do that ipv4.dhcp.boot becomes; use ipv4.dhcp.boot, or another tag", value)
	default:
		return nil
	}
}
