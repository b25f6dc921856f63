package dnsmasq

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// reserved is the prefix of this package's tags.
const reserved = "netboot-"

// tag returns the tag that dnsmasq sets for the guests of the rule.
func (r Rule) tag() string {
	return reserved + r.Arch + strings.ReplaceAll(r.MAC, ":", "")
}

// Options returns the raw options for valid rules. No two rules may be for the same guests. The order of the
// options does not depend on the order of the rules.
func Options(rules []Rule) []string {
	var options []string
	for _, r := range inOrder(rules) {
		options = append(options, r.options()...)
	}
	return options
}

// options returns the lines of a rule: first which guests it is for, then what dnsmasq tells them.
//
// dnsmasq(8) has the forced form for options that a guest does not request, "for example when sending
// options to PXELinux", which gets the answer to a request of the network card's firmware.
func (r Rule) options() []string {
	var options []string
	line := func(format string, values ...any) { options = append(options, fmt.Sprintf(format, values...)) }
	for _, number := range r.numbers() {
		line("dhcp-match=set:%s,option:client-arch,%d", r.tag(), number)
	}
	if r.MAC != "" {
		line("dhcp-mac=set:%s,%s", r.tag(), r.MAC)
	}
	if r.NextServer != "" {
		line("dhcp-boot=tag:%s,%s,,%s", r.tag(), quote(r.Bootfile), r.NextServer)
	} else if r.Bootfile != "" {
		line("dhcp-boot=tag:%s,%s", r.tag(), quote(r.Bootfile))
	}
	if r.client().HTTP {
		line("dhcp-option-force=tag:%s,%s", r.tag(), httpClient)
	}
	if r.ConfigFile != "" {
		line("dhcp-option-force=tag:%s,209,%s", r.tag(), quote(r.ConfigFile))
	}
	if r.PathPrefix != "" {
		line("dhcp-option-force=tag:%s,210,%s", r.tag(), quote(r.PathPrefix))
	}
	return options
}

// Rules reads what Options has written. All other options are returned in rest, in their order: options that
// were written elsewhere, and rules with a line that was changed, removed, added, repeated or moved.
func Rules(options []string) (rules []Rule, rest []string) {
	for len(options) > 0 {
		rule, lines := readRule(options)
		if lines == 0 || len(rules) > 0 && rules[len(rules)-1].compare(rule) >= 0 {
			rest, options = append(rest, options[0]), options[1:]
			continue
		}
		rules, options = append(rules, rule), options[lines:]
	}
	return rules, rest
}

// readRule reads the rule at the beginning of options, and returns how many options it has; 0 if the options
// are not exactly those that are written for the rule.
func readRule(options []string) (rule Rule, lines int) {
	rule = readGuests(options[0])
	lines = max(1, len(rule.numbers()))
	for lines < len(options) && rule.readOption(options[lines]) {
		lines++
	}
	if rule.Validate() != nil || !slices.Equal(rule.options(), options[:min(lines, len(options))]) {
		return Rule{}, 0
	}
	return rule, lines
}

// lazyRegexp compiles the expression at its first use, because the provider starts several times in a run of
// Terraform, even if the configuration has no network.
func lazyRegexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// guestsLine matches the first line of a rule, and the parts of it that are needed to write it again.
var guestsLine = lazyRegexp(`^dhcp-(?:match=set:` + reserved + `([^,]*),|mac=set:` + reserved + `[^,]*,(.*)$)`)

func readGuests(option string) Rule {
	found := guestsLine().FindStringSubmatch(option)
	if found == nil {
		return Rule{}
	}
	return Rule{Arch: found[1], MAC: found[2]}
}

// httpClient is option 60, without which UEFI ignores an answer for HTTP boot: UEFI specification, "DHCP options"
// of "HTTP Boot".
const httpClient = "60,HTTPClient"

// readOption reads a line that is about the guests of the rule.
func (r *Rule) readOption(option string) bool {
	name, value, found := strings.Cut(option, "=tag:"+r.tag()+",")
	if !found {
		return false
	}
	number, text, _ := strings.Cut(value, ",")
	switch {
	case name == "dhcp-boot":
		r.readBoot(value)
	case name == "dhcp-option-force" && value == httpClient: // it is written again
	case name == "dhcp-option-force" && number == "209":
		r.ConfigFile = unquote(text)
	case name == "dhcp-option-force" && number == "210":
		r.PathPrefix = unquote(text)
	default:
		return false
	}
	return true
}

// readBoot reads "file" or "file,,server". Text after two commas that is inside quotes ends with a quote, so
// it is not read as a server.
func (r *Rule) readBoot(value string) {
	if at := strings.LastIndex(value, ",,"); at > 0 && isServer(value[at+2:]) {
		value, r.NextServer = value[:at], value[at+2:]
	}
	r.Bootfile = unquote(value)
}

// plain matches text that dnsmasq reads unchanged, and reads as text in an option: without a digit at the
// beginning and without a colon, src/option.c parse_dhcp_opt() finds no number, address or bytes in it.
var plain = lazyRegexp(`^[A-Za-z/][A-Za-z0-9._/-]+$`)

// Inside quotes, a quote and a backslash are written after a backslash, and all other characters mean
// themselves: src/option.c read_file() and hide_meta(). hide_meta() also hides commas, dots, colons and digits
// from the code that looks for lists, numbers and addresses.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

var unescapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

func quote(value string) string {
	if plain().MatchString(value) {
		return value
	}
	return `"` + escapes.Replace(value) + `"`
}

// unquote is the inverse of quote. For text that quote cannot have written, the result is undefined.
func unquote(text string) string {
	inner, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		return text
	}
	return unescapes.Replace(strings.TrimSuffix(inner, `"`))
}
