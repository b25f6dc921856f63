package dnsmasq

import (
	"slices"
	"strings"
	"testing"
)

const mac = "52:54:00:aa:bb:cc"

var ruleLines = []struct {
	name    string
	rules   []Rule
	options []string
}{
	{"s390x", []Rule{{Arch: "s390x", ConfigFile: "guest.cfg", PathPrefix: "s390x/"}}, []string{
		"dhcp-match=set:netboot-s390x,option:client-arch,31",
		"dhcp-option-force=tag:netboot-s390x,209,guest.cfg",
		"dhcp-option-force=tag:netboot-s390x,210,s390x/",
	}},
	{"HTTP boot", []Rule{{Arch: "x86_64-http", Bootfile: "http://10.11.0.1:8080/boot.efi"}, {Arch: "aarch64-http", Bootfile: "https://boot/a.efi"}}, []string{
		"dhcp-match=set:netboot-x86_64-http,option:client-arch,16",
		`dhcp-boot=tag:netboot-x86_64-http,"http://10.11.0.1:8080/boot.efi"`,
		"dhcp-option-force=tag:netboot-x86_64-http,60,HTTPClient",
		"dhcp-match=set:netboot-aarch64-http,option:client-arch,19",
		`dhcp-boot=tag:netboot-aarch64-http,"https://boot/a.efi"`,
		"dhcp-option-force=tag:netboot-aarch64-http,60,HTTPClient",
	}},
	{"two numbers", []Rule{{Arch: "x86_64-efi", Bootfile: "grubx64.efi"}}, []string{
		"dhcp-match=set:netboot-x86_64-efi,option:client-arch,7",
		"dhcp-match=set:netboot-x86_64-efi,option:client-arch,9",
		"dhcp-boot=tag:netboot-x86_64-efi,grubx64.efi",
	}},
	{"guest", []Rule{{MAC: mac, Bootfile: "rescue/kernel", NextServer: "192.168.150.2"}}, []string{
		"dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc",
		"dhcp-boot=tag:netboot-525400aabbcc,rescue/kernel,,192.168.150.2",
	}},
	{"architectures, then guests", []Rule{
		{Arch: "ppc64le", PathPrefix: "ppc/"},
		{Arch: "x86_64", Bootfile: "pxelinux.0"},
		{MAC: mac, ConfigFile: "a.cfg"},
		{MAC: "52:54:00:aa:bb:cd", ConfigFile: "b.cfg"},
	}, []string{
		"dhcp-match=set:netboot-ppc64le,option:client-arch,12",
		"dhcp-option-force=tag:netboot-ppc64le,210,ppc/",
		"dhcp-match=set:netboot-x86_64,option:client-arch,0",
		"dhcp-boot=tag:netboot-x86_64,pxelinux.0",
		"dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc",
		"dhcp-option-force=tag:netboot-525400aabbcc,209,a.cfg",
		"dhcp-mac=set:netboot-525400aabbcd,52:54:00:aa:bb:cd",
		"dhcp-option-force=tag:netboot-525400aabbcd,209,b.cfg",
	}},
	{"quotes", []Rule{{MAC: mac, Bootfile: `a,"b"`, NextServer: "192.168.150.2", ConfigFile: "0A0A", PathPrefix: `\`}}, []string{
		"dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc",
		`dhcp-boot=tag:netboot-525400aabbcc,"a,\"b\"",,192.168.150.2`,
		`dhcp-option-force=tag:netboot-525400aabbcc,209,"0A0A"`,
		`dhcp-option-force=tag:netboot-525400aabbcc,210,"\\"`,
	}},
	{"server in quotes", []Rule{{MAC: mac, Bootfile: "a,,192.168.150.2"}}, []string{
		"dhcp-mac=set:netboot-525400aabbcc,52:54:00:aa:bb:cc",
		`dhcp-boot=tag:netboot-525400aabbcc,"a,,192.168.150.2"`,
	}},
	{"nothing", nil, nil},
}

func TestOptions(t *testing.T) {
	for _, test := range ruleLines {
		t.Run(test.name, func(t *testing.T) {
			shuffled := slices.Clone(test.rules)
			slices.Reverse(shuffled)
			if got := Options(shuffled); !slices.Equal(got, test.options) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.options, "\n"))
			}
			if rules, rest := Rules(test.options); !slices.Equal(rules, test.rules) || rest != nil {
				t.Errorf("read %+v and %q", rules, rest)
			}
			for _, r := range test.rules {
				if err := r.Validate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestRulesRest checks that options that were changed are not read as a rule, and are kept.
func TestRulesRest(t *testing.T) {
	own := Options([]Rule{{Arch: "s390x", ConfigFile: "a"}, {MAC: mac, Bootfile: "b", NextServer: "10.0.0.1"}})
	foreign := []string{"dhcp-option=6,10.0.0.1", "log-dhcp"}
	around := slices.Concat(foreign[:1], own, foreign[1:])
	if rules, rest := Rules(around); len(rules) != 2 || !slices.Equal(rest, foreign) {
		t.Errorf("got %+v and %q", rules, rest)
	}
	for name, options := range map[string][]string{
		"foreign":               foreign,
		"comment":               {"# dhcp-match=set:netboot-s390x,option:client-arch,31"},
		"number":                {"dhcp-match=set:netboot-s390x,option:client-arch,12", own[1]},
		"unknown architecture":  {"dhcp-match=set:netboot-vax,option:client-arch,31", "dhcp-option-force=tag:netboot-vax,209,a"},
		"one of two numbers":    {"dhcp-match=set:netboot-x86_64-efi,option:client-arch,7", "dhcp-boot=tag:netboot-x86_64-efi,a.efi"},
		"nothing told":          own[:1],
		"no option":             own[1:2],
		"wrong tag":             {"dhcp-mac=set:netboot-525400aabbcd," + mac, "dhcp-boot=tag:netboot-525400aabbcd,b"},
		"not forced":            {own[0], `dhcp-option=tag:netboot-s390x,209,"a"`},
		"another option":        {own[0], "dhcp-option-force=tag:netboot-s390x,66,10.0.0.1"},
		"out of order":          {own[0], "dhcp-option-force=tag:netboot-s390x,210,s390x/", "dhcp-option-force=tag:netboot-s390x,209,guest.cfg"},
		"told twice":            {own[0], own[1], own[1]},
		"needless quotes":       {own[0], `dhcp-option-force=tag:netboot-s390x,209,"guest.cfg"`},
		"missing quotes":        {own[0], "dhcp-option-force=tag:netboot-s390x,209,1234"},
		"half a quote":          {own[0], `dhcp-option-force=tag:netboot-s390x,209,"`},
		"no server":             {own[2], "dhcp-boot=tag:netboot-525400aabbcc,boot,,"},
		"server's name":         {own[2], "dhcp-boot=tag:netboot-525400aabbcc,boot,server,10.0.0.1"},
		"server without a file": {own[2], "dhcp-boot=tag:netboot-525400aabbcc,,,10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			if rules, rest := Rules(options); rules != nil || !slices.Equal(rest, options) {
				t.Errorf("got %+v and %q", rules, rest)
			}
		})
	}
	t.Run("guests before architectures", func(t *testing.T) {
		swapped := slices.Concat(own[2:], own[:2])
		if rules, rest := Rules(swapped); len(rules) != 1 || !slices.Equal(rest, own[:2]) {
			t.Errorf("got %+v and %q", rules, rest)
		}
	})
}

// FuzzRules checks that valid rules are read back unchanged, whatever is around them, and that no line is
// lost or changed.
func FuzzRules(f *testing.F) {
	f.Add(uint8(0), mac, "a", "192.168.150.2", "b.cfg", "c/", "dhcp-boot=x")
	f.Add(uint8(3), mac, `a,,1.2.3.4`, "", `"`, `\`, "dhcp-match=set:netboot-s390x,option:client-arch,31\nlog-dhcp")
	f.Add(uint8(4), "52:54:00:00:00:01", "#", "0.0.0.0", " s", "1234", "dhcp-option-force=tag:netboot-525400000001,209,x\ndhcp-mac=set:netboot-,")
	f.Add(uint8(1), "", "é", "10.0.0.1", "0a:0b", "10.0.0.1", "dhcp-boot=tag:netboot-ppc64le,\"a\",,10.0.0.1")
	f.Fuzz(func(t *testing.T, arch uint8, mac, bootfile, server, config, prefix, foreign string) {
		all := []Rule{
			{Arch: Architectures()[int(arch)%len(Architectures())], Bootfile: bootfile, NextServer: server, ConfigFile: config, PathPrefix: prefix},
			{MAC: mac, Bootfile: config, NextServer: server, ConfigFile: prefix, PathPrefix: bootfile},
		}
		var rules []Rule
		for _, r := range all {
			if r.Validate() == nil {
				rules = append(rules, r)
			}
		}
		options := Options(rules)
		if got, rest := Rules(options); !slices.Equal(got, rules) || rest != nil {
			t.Errorf("%q\nread as %+v and %q\nwant    %+v", options, got, rest, rules)
		}
		options = slices.Concat(strings.Split(foreign, "\n"), options, strings.Split(foreign, "\n"))
		got, rest := Rules(options)
		if kept := append(Options(got), rest...); !slices.Equal(slices.Sorted(slices.Values(kept)), slices.Sorted(slices.Values(options))) {
			t.Errorf("%q\nbecame\n%q", options, kept)
		}
	})
}
