package dnsmasq

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// reserved is how the tags of this package begin.
const reserved = "netboot-"

// tag is what dnsmasq puts on the guests of the rule.
func (r Rule) tag() string {
	return reserved + r.Arch + strings.ReplaceAll(r.MAC, ":", "")
}

// Options are the raw options for valid rules, of which no two are for the same guests. Their order does
// not depend on that of the rules.
func Options(rules []Rule) []string {
	var options []string
	for _, r := range inOrder(rules) {
		options = append(options, r.options()...)
	}
	return options
}

// options are the lines of one rule: whom it is for, then what they are told.
//
// dnsmasq(8) has the forced form for options that a guest does not ask for, "for example when sending
// options to PXELinux", which gets the answer that the network card's firmware has asked for.
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
	if r.ConfigFile != "" {
		line("dhcp-option-force=tag:%s,209,%s", r.tag(), quote(r.ConfigFile))
	}
	if r.PathPrefix != "" {
		line("dhcp-option-force=tag:%s,210,%s", r.tag(), quote(r.PathPrefix))
	}
	return options
}

// Rules reads what Options has written. Whatever is not exactly that stays in rest, in its order: the
// options of somebody else, and a rule with a line changed, missing, added, repeated or out of its place.
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

// readRule reads the rule that options begin with, and says how many of them it takes; none where they
// are not wholly what is written for it.
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

// lazyRegexp gives the expression to whoever uses it, and compiles it for the first of them: the provider
// starts several times in a run of Terraform, also where there is no network in it.
func lazyRegexp(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// guestsLine is the first line of a rule, as far as it is needed to write it again.
var guestsLine = lazyRegexp(`^dhcp-(?:match=set:` + reserved + `([^,]*),|mac=set:` + reserved + `[^,]*,(.*)$)`)

func readGuests(option string) Rule {
	found := guestsLine().FindStringSubmatch(option)
	if found == nil {
		return Rule{}
	}
	return Rule{Arch: found[1], MAC: found[2]}
}

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
	case name == "dhcp-option-force" && number == "209":
		r.ConfigFile = unquote(text)
	case name == "dhcp-option-force" && number == "210":
		r.PathPrefix = unquote(text)
	default:
		return false
	}
	return true
}

// readBoot reads "file" or "file,,server"; what is behind two commas in quotes ends with a quote.
func (r *Rule) readBoot(value string) {
	if at := strings.LastIndex(value, ",,"); at > 0 && isServer(value[at+2:]) {
		value, r.NextServer = value[:at], value[at+2:]
	}
	r.Bootfile = unquote(value)
}

// plain is a text that dnsmasq reads as it is, and in an option as a text: without a digit in front and
// a colon, src/option.c parse_dhcp_opt() finds neither a number nor an address nor bytes in it.
var plain = lazyRegexp(`^[A-Za-z/][A-Za-z0-9._/-]+$`)

// Inside of quotes, a quote and the backslash are written behind a backslash, and everything else means
// itself: src/option.c read_file() and hide_meta(), which also hides commas, dots, colons and digits from
// whoever looks for lists, numbers and addresses.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

var unescapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

func quote(value string) string {
	if plain().MatchString(value) {
		return value
	}
	return `"` + escapes.Replace(value) + `"`
}

// unquote is the inverse of quote; of what that cannot have written it is anything.
func unquote(text string) string {
	inner, quoted := strings.CutPrefix(text, `"`)
	if !quoted {
		return text
	}
	return unescapes.Replace(strings.TrimSuffix(inner, `"`))
}
