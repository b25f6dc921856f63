package dnsmasq_test

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// What the network of testdata/network.xml tells all guests.
const (
	networkBootfile = "network.0"
	networkServer   = "10.11.0.1"
)

// machines are the kinds of guests, by what they send in option 93.
var machines = []struct {
	arch   string
	number int // silent sends no option 93
}{
	{"s390x", 31}, {"ppc64le", 12}, {"x86_64", 0}, {"x86_64-efi", 7}, {"x86_64-efi", 9}, {"x86_64-http", 16}, {"aarch64-efi", 11}, {"aarch64-http", 19},
	{"", 6}, {"", silent},
}

const silent = -1

var byArchitecture = []dnsmasq.Rule{
	{Arch: "s390x", ConfigFile: "s390x.cfg", PathPrefix: "s390x/"},
	{Arch: "ppc64le", Bootfile: "ppc64le/", NextServer: "10.11.0.12", PathPrefix: "ppc64le/"},
	{Arch: "x86_64", Bootfile: "pxelinux.0"},
	{Arch: "x86_64-efi", Bootfile: "grubx64.efi", NextServer: "10.11.0.7", ConfigFile: "efi.cfg"},
	{Arch: "x86_64-http", Bootfile: "http://10.11.0.1:8080/boot.efi"},
	{Arch: "aarch64-efi", Bootfile: "grubaa64.efi", NextServer: "10.11.0.11", ConfigFile: "arm.cfg", PathPrefix: "arm/"},
}

// byGuest has every combination of fields.
func byGuest() []dnsmasq.Rule {
	var rules []dnsmasq.Rule
	for _, boot := range []dnsmasq.Rule{{}, {Bootfile: "guest.0"}, {Bootfile: "guest.0", NextServer: "10.11.0.99"}} {
		for _, config := range []string{"", "guest.cfg"} {
			for _, prefix := range []string{"", "guest/"} {
				rule := boot
				rule.ConfigFile, rule.PathPrefix = config, prefix
				if rule != (dnsmasq.Rule{}) {
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules
}

// awkward are texts that dnsmasq may read as something else.
var awkward = []string{
	"a,b", ",", "a,,10.11.0.98", "a #b", "#", " a", "a ", "a b", " ", `"`, `"a"`, `\"`, `\`, `a\`, `\\`, "'", `\n`,
	"7", "8", "0", "1234", "-1", "99999", "12b", "100s", "1i", "b", "a", "10.0.0.1", "10.0.0.1/8", "10.0.0.1,10.0.0.2",
	"0a:0b", "0a:0b:*", "::1", "[::1]", "/", "/a", ".", "a=b", "tag:a", "option:6", "%s", "*", "é", "漢字",
}

// byText has each text in each field.
func byText() []dnsmasq.Rule {
	rules := []dnsmasq.Rule{{
		Bootfile:   strings.Repeat("b", dnsmasq.MaxBootfileSize),
		ConfigFile: strings.Repeat("c", dnsmasq.MaxConfigSize-1),
		PathPrefix: "p",
	}}
	for _, text := range awkward {
		rules = append(rules, dnsmasq.Rule{Bootfile: text, NextServer: "10.11.0.99", ConfigFile: text, PathPrefix: text})
	}
	return rules
}

// refused are rules that dnsmasq does not pass to guests unchanged.
var refused = []dnsmasq.Rule{
	{Bootfile: strings.Repeat("b", dnsmasq.MaxBootfileSize+1)},
	{ConfigFile: strings.Repeat("c", 150), PathPrefix: strings.Repeat("p", 150), Bootfile: "b"},
	{ConfigFile: "s"},
	{PathPrefix: "i"},
	{Bootfile: "b", NextServer: "0.0.0.0"},
}

// guests gives each rule its own MAC address.
func guests(group byte, rules []dnsmasq.Rule) []dnsmasq.Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].MAC = fmt.Sprintf("52:54:00:03:%02x:%02x", group, i)
	}
	return rules
}

// startNetwork starts a libvirt network with these raw options, until the test ends.
func startNetwork(t *testing.T, options []string) *client {
	t.Helper()
	host := lab.Shared(t)
	xml, err := os.ReadFile("testdata/network.xml")
	if err != nil {
		t.Fatal(err)
	}
	var elements strings.Builder
	for _, option := range options {
		fmt.Fprintf(&elements, "<dnsmasq:option value='%s'/>\n", html.EscapeString(option))
	}
	const end = "</dnsmasq:options>"
	file := filepath.Join(t.TempDir(), "network.xml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(xml), end, elements.String()+end, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Virsh(t.Context(), "net-create", file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = host.Virsh(context.Background(), "net-destroy", "told") })
	return newClient(t, host, "told")
}

// TestConformance compares Offer with what a real dnsmasq, started by libvirt, tells guests of every
// architecture, with and without their own rule.
func TestConformance(t *testing.T) {
	own, texts, wrong := guests(1, byGuest()), guests(2, byText()), guests(3, refused)
	rules := slices.Concat(wrong, texts, own, byArchitecture)
	c := startNetwork(t, dnsmasq.Options(rules))
	wants := func(mac, arch string, number int) {
		t.Helper()
		if got, want := c.offer(t, mac, number), expected(rules, arch, mac); got != want {
			t.Errorf("the guest %s of architecture %q (%d) is told\n%+v, want\n%+v", mac, arch, number, got, want)
		}
	}
	for _, machine := range machines {
		wants("52:54:00:03:00:00", machine.arch, machine.number)
		for _, rule := range own {
			wants(rule.MAC, machine.arch, machine.number)
		}
	}
	for _, rule := range texts {
		wants(rule.MAC, "", silent)
	}
	for _, rule := range slices.Concat(byArchitecture, own, texts) {
		if err := rule.Validate(); err != nil {
			t.Errorf("Validate refuses what dnsmasq tells: %v", err)
		}
	}
	for _, rule := range wrong {
		got := c.offer(t, rule.MAC, silent)
		if rule.Validate() == nil || got == expected(rules, "", rule.MAC) {
			t.Errorf("Validate returns %v for %+v; dnsmasq tells %+v", rule.Validate(), rule, got)
		}
	}
}

// expected is the result of Offer, completed with what the network tells all guests.
func expected(rules []dnsmasq.Rule, arch, mac string) dnsmasq.Rule {
	offer := dnsmasq.Offer(rules, arch, mac)
	offer.Bootfile = cmp.Or(offer.Bootfile, networkBootfile)
	offer.NextServer = cmp.Or(offer.NextServer, networkServer)
	return offer
}

func (c *client) offer(t *testing.T, mac string, number int) dnsmasq.Rule {
	t.Helper()
	if number == silent {
		return c.ask(t, discover, mac).rule()
	}
	return c.ask(t, discover, mac, dhcpArch(uint16(number))).rule()
}

// TestConformanceRequest sends requests like s390x firmware, which sends its architecture together with the
// requested address, and not before.
func TestConformanceRequest(t *testing.T) {
	const mac = "52:54:00:03:00:01"
	c := startNetwork(t, dnsmasq.Options(byArchitecture))
	offer := c.ask(t, discover, mac)
	if got, want := offer.rule(), expected(byArchitecture, "", mac); got != want {
		t.Errorf("is offered %+v, want %+v", got, want)
	}
	ack := c.ask(t, request, mac, dhcpOption(optionAddress, offer.address...), dhcpOption(optionServer, offer.options[optionServer]...), dhcpArch(31))
	if got, want := ack.rule(), expected(byArchitecture, "s390x", mac); got != want {
		t.Errorf("gets %+v, want %+v", got, want)
	}
}
