package dnsmasq

import (
	"strings"
	"testing"
)

func TestOffer(t *testing.T) {
	rules := []Rule{
		{MAC: mac, Bootfile: "kernel", PathPrefix: "guest/"},
		{Arch: "s390x", Bootfile: "s390x/", NextServer: "10.0.0.9", ConfigFile: "s390x.cfg", PathPrefix: "s390x/"},
		{MAC: "52:54:00:00:00:01", ConfigFile: "guest.cfg"},
	}
	for _, test := range []struct {
		name, arch, mac string
		want            Rule
	}{
		{"architecture", "s390x", "52:54:00:00:00:02", Rule{Bootfile: "s390x/", NextServer: "10.0.0.9", ConfigFile: "s390x.cfg", PathPrefix: "s390x/"}},
		{"guest", "ppc64le", mac, Rule{Bootfile: "kernel", PathPrefix: "guest/"}},
		{"bootfile with its own server", "s390x", mac, Rule{Bootfile: "kernel", ConfigFile: "s390x.cfg", PathPrefix: "guest/"}},
		{"one field", "s390x", "52:54:00:00:00:01", Rule{Bootfile: "s390x/", NextServer: "10.0.0.9", ConfigFile: "guest.cfg", PathPrefix: "s390x/"}},
		{"neither", "x86_64", "52:54:00:00:00:02", Rule{}},
		{"unknown", "", "", Rule{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Offer(rules, test.arch, test.mac); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	guest := Rule{MAC: mac, ConfigFile: "a"}
	for _, test := range []struct {
		name   string
		change func(*Rule)
		want   []string // parts of the error; empty for a valid rule
	}{
		{"valid", func(*Rule) {}, nil},
		{"both", func(r *Rule) { r.Arch = "s390x" }, []string{"exactly one"}},
		{"neither", func(r *Rule) { r.MAC = "" }, []string{"exactly one"}},
		{"HTTP boot of a path", func(r *Rule) { r.Arch, r.MAC, r.NextServer, r.ConfigFile, r.PathPrefix = "x86_64-http", "", "", "", "" }, []string{"is not a URL", "http://192.168.150.1:8080/bootx64.efi"}},
		{"HTTP boot with TFTP", func(r *Rule) {
			r.Arch, r.MAC, r.Bootfile, r.ConfigFile = "aarch64-http", "", "http://boot/a.efi", "a.cfg"
		}, []string{"do not use TFTP"}},
		{"architecture", func(r *Rule) { r.Arch, r.MAC = "s390", "" }, []string{`"s390"`, "s390x, ppc64le, x86_64, x86_64-efi, x86_64-http, aarch64-efi, aarch64-http"}},
		{"upper case", func(r *Rule) { r.MAC = "52:54:00:AA:BB:CC" }, []string{"52:54:00:AA:BB:CC", "lower case"}},
		{"dashes", func(r *Rule) { r.MAC = "52-54-00-aa-bb-cc" }, []string{"colons"}},
		{"long address", func(r *Rule) { r.MAC += ":00:00" }, []string{"Ethernet"}},
		{"wildcard", func(r *Rule) { r.MAC = "52:54:00:*:*:*" }, []string{"Ethernet"}},
		{"empty", func(r *Rule) { r.ConfigFile = "" }, []string{"the rule is empty"}},
		{"server", func(r *Rule) { r.Bootfile, r.NextServer = "b", "10.0.0.1" }, nil},
		{"server alone", func(r *Rule) { r.NextServer = "10.0.0.1" }, []string{"10.0.0.1 has no bootfile"}},
		{"server's name", func(r *Rule) { r.Bootfile, r.NextServer = "b", "tftp.example.com" }, []string{`"tftp.example.com"`, "IPv4"}},
		{"IPv6 server", func(r *Rule) { r.Bootfile, r.NextServer = "b", "fd00::1" }, []string{`"fd00::1"`, "IPv4"}},
		{"no server", func(r *Rule) { r.Bootfile, r.NextServer = "b", "0.0.0.0" }, []string{`"0.0.0.0"`}},
		{"line break", func(r *Rule) { r.Bootfile = "b\nlog-dhcp" }, []string{`bootfile "b\nlog-dhcp"`, "byte 2"}},
		{"tab", func(r *Rule) { r.ConfigFile = "\t" }, []string{`configuration file "\t"`}},
		{"invisible", func(r *Rule) { r.PathPrefix = "é\u200b" }, []string{`path prefix "é\u200b"`, "byte 3"}},
		{"UTF-8", func(r *Rule) { r.PathPrefix = "\xff" }, []string{`path prefix "\xff"`, "UTF-8"}},
		{"longest bootfile", func(r *Rule) { r.Bootfile = strings.Repeat("b", MaxBootfileSize) }, nil},
		{"longer bootfile", func(r *Rule) { r.Bootfile = strings.Repeat("b", MaxBootfileSize+1) }, []string{"128 bytes", "127"}},
		{"longest options", func(r *Rule) { r.PathPrefix = strings.Repeat("p", MaxConfigSize-1) }, nil},
		{"longer options", func(r *Rule) { r.PathPrefix = strings.Repeat("p", MaxConfigSize) }, []string{"207 bytes", "206"}},
		{"unit", func(r *Rule) { r.ConfigFile, r.PathPrefix = "i", "s" }, []string{`configuration file "i"`, `path prefix "s"`}},
		{"bootfile of one letter", func(r *Rule) { r.Bootfile = "s" }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := guest
			test.change(&r)
			err := r.Validate()
			if (err == nil) != (test.want == nil) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %v, want %q in it", err, part)
				}
			}
		})
	}
}
