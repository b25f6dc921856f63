package dnsmasq

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxBootfileSize is the number of bytes of a bootfile that reach a guest; the rest is cut without a message.
	//
	// src/rfc2131.c do_options(): "safe_strncpy((char *)mess->file, boot->file, sizeof(mess->file))", a
	// field of 128 bytes. dnsmasq uses this field because libvirt writes "dhcp-no-override".
	MaxBootfileSize = 127

	// MaxConfigSize is the largest size of ConfigFile and PathPrefix together, in bytes. An answer has 308
	// bytes for all options, with their names and lengths, and dnsmasq omits what does not fit. This size
	// leaves room for addresses, times, a domain and a host name. Firmware has no room for a longer path.
	//
	// src/dhcp-protocol.h: "u8 options[312]", 4 of which are the cookie; src/rfc2131.c free_space().
	MaxConfigSize = 206
)

// Validate returns what dnsmasq would refuse, misread or cut, joined.
func (r Rule) Validate() error {
	return errors.Join(
		r.validateGuests(),
		r.validateNextServer(),
		validateValue("bootfile", r.Bootfile),
		validateValue("configuration file", r.ConfigFile),
		validateValue("path prefix", r.PathPrefix),
		r.validateSizes(),
		validateOption("configuration file", r.ConfigFile),
		validateOption("path prefix", r.PathPrefix),
		r.validateHTTP(),
	)
}

// validateGuests checks which guests the rule is for, and that the rule tells them something.
func (r Rule) validateGuests() error {
	mac, err := net.ParseMAC(r.MAC)
	switch {
	case (r.Arch == "") == (r.MAC == ""):
		return errors.New("a rule is for one architecture or for one MAC address: give exactly one of them")
	case r.Arch != "" && !slices.Contains(Architectures(), r.Arch):
		return fmt.Errorf("architecture %q is unknown: write one of %s", r.Arch, strings.Join(Architectures(), ", "))
	case r.MAC != "" && (err != nil || len(mac) != 6 || mac.String() != r.MAC):
		return fmt.Errorf("%q is not an Ethernet address in lower case with colons: write an address such as 52:54:00:12:34:56", r.MAC)
	case r.Bootfile+r.ConfigFile+r.PathPrefix == "":
		return errors.New("the rule is empty: give a bootfile, a configuration file or a path prefix")
	}
	return nil
}

func (r Rule) validateNextServer() error {
	if r.NextServer == "" {
		return nil
	}
	if r.Bootfile == "" {
		return fmt.Errorf("next server %s has no bootfile, and dnsmasq has no option for a next server alone: give a bootfile as well", r.NextServer)
	}
	if !isServer(r.NextServer) {
		return fmt.Errorf("next server %q is not the IPv4 address of a host: write an address such as 192.168.150.2", r.NextServer)
	}
	return nil
}

// validateHTTP checks that HTTP boot gets a URL, and nothing for TFTP.
func (r Rule) validateHTTP() error {
	if !r.client().HTTP {
		return nil
	}
	at, err := url.Parse(r.Bootfile)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" {
		return fmt.Errorf("bootfile %q is not a URL, and %s guests boot from a web server: write a URL such as http://192.168.150.1:8080/bootx64.efi", r.Bootfile, r.Arch)
	}
	if r.NextServer+r.ConfigFile+r.PathPrefix != "" {
		return fmt.Errorf("%s guests do not use TFTP: remove the next server, the configuration file and the path prefix", r.Arch)
	}
	return nil
}

// isServer excludes 0.0.0.0, which dnsmasq treats as no address: src/rfc2131.c do_options(), "if
// (boot->next_server.s_addr)".
func isServer(text string) bool {
	address, err := netip.ParseAddr(text)
	return err == nil && address.Is4() && !address.IsUnspecified()
}

// validateValue refuses text that libvirt's XML cannot contain, and invisible characters.
func validateValue(what, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s %q is not UTF-8, but libvirt's XML must be UTF-8: rename the file", what, value)
	}
	if at := strings.IndexFunc(value, func(c rune) bool { return !unicode.IsPrint(c) }); at >= 0 {
		return fmt.Errorf("%s %q has an invisible character in byte %d: remove it", what, value, at+1)
	}
	return nil
}

func (r Rule) validateSizes() error {
	if size := len(r.Bootfile); size > MaxBootfileSize {
		return fmt.Errorf("bootfile %q has %d bytes, but a guest gets only %d: shorten the path", r.Bootfile, size, MaxBootfileSize)
	}
	if size := len(r.ConfigFile) + len(r.PathPrefix); size > MaxConfigSize {
		return fmt.Errorf("configuration file %q and path prefix %q have %d bytes together; dnsmasq omits what does not fit into its answer, which has room for %d bytes: shorten them",
			r.ConfigFile, r.PathPrefix, size, MaxConfigSize)
	}
	return nil
}

// validateOption refuses values that are not read as text even in quotes: src/option.c parse_dhcp_opt() reads
// a single "s" or "i" as the unit of a number without digits, and hide_meta() does not hide them.
func validateOption(what, value string) error {
	if value == "s" || value == "i" {
		return fmt.Errorf("dnsmasq reads %s %q as the unit of a number: use a longer name", what, value)
	}
	return nil
}
