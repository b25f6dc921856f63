package dnsmasq

import "strings"

// bootingNames are options that decide what a guest boots, whether dnsmasq answers the guest at all, or
// where its files are. They include options that read more options from a place that this package cannot
// read, or that run a program.
var bootingNames = map[string]bool{
	"dhcp-boot": true, "dhcp-ignore": true, "dhcp-match": true, "pxe-prompt": true, "pxe-service": true,
	"enable-tftp": true, "tftp-lowercase": true, "tftp-root": true, "tftp-secure": true, "tftp-unique-root": true,
	"conf-dir": true, "conf-file": true, "conf-script": true,
	"dhcp-hostsdir": true, "dhcp-hostsfile": true, "dhcp-optsdir": true, "dhcp-optsfile": true,
	"dhcp-luascript": true, "dhcp-script": true,
}

// bootingOptions are the DHCP options that some firmware uses to boot, in the form of dhcp-option: by number,
// or by a name of src/dhcp-common.c opttab. 255 is dnsmasq's own number for the field siaddr.
var bootingOptions = map[string]bool{
	"43": true, "option:vendor-encap": true,
	"60": true, "option:vendor-class": true,
	"66": true, "option:tftp-server": true,
	"67": true, "option:bootfile-name": true,
	"150": true, "option:tftp-server-address": true,
	"209": true, "210": true,
	"255": true, "option:server-ip-address": true,
	"option6:59": true, "option6:bootfile-url": true,
	"option6:60": true, "option6:bootfile-param": true,
}

// SpeaksOfBooting tells whether raw options that this package has not written may change what guests boot.
// If so, this package cannot predict what guests boot.
func SpeaksOfBooting(options []string) bool {
	// An option is written into dnsmasq's file unchanged: a line break begins another option.
	for line := range strings.Lines(strings.Join(options, "\n")) {
		if affectsBooting(line) || UsesOurTags(line) {
			return true
		}
	}
	return false
}

func affectsBooting(line string) bool {
	name, value, _ := strings.Cut(unquoted(line), "=")
	name = strings.TrimSpace(name)
	if strings.HasPrefix(name, "dhcp-option") {
		return setsBootingOption(value)
	}
	return bootingNames[name]
}

// setsBootingOption looks for the option after tags, as src/option.c parse_dhcp_opt() does: the first word
// that is a number or begins with "option". PXE menus are in the vendor options.
func setsBootingOption(value string) bool {
	for word := range strings.SplitSeq(strings.ToLower(value), ",") {
		word = strings.TrimLeft(strings.TrimSpace(word), "0")
		if bootingOptions[word] || strings.HasPrefix(word, "vendor:") || strings.Contains(word, "encap:") {
			return true
		}
		if strings.HasPrefix(word, "option") || strings.Trim(word, "0123456789") == "" {
			return false
		}
	}
	return false
}

// reservedTags finds tags by the word before them. That word is optional in places where old versions did
// not have it: src/option.c is_tag_prefix() and set_prefix().
var reservedTags = lazyRegexp(`(?m)` +
	`[=,]\s*(set|tag|net):[!#]?` + reserved +
	`|^\s*dhcp-(option|option-force|option-pxe|match|mac|vendorclass|userclass|circuitid|remoteid|subscrid|name-match)\s*=\s*[!#]?` + reserved)

// UsesOurTags tells whether a raw option sets or matches a tag of the form "netboot-…". Only Options may do
// this, because another option with such a tag would change which guests a rule is for, or override the rule.
func UsesOurTags(option string) bool {
	return reservedTags().MatchString(unquoted(option))
}

// unquoted returns an option without quotes, which may be anywhere in it.
func unquoted(option string) string { return strings.ReplaceAll(option, `"`, "") }
