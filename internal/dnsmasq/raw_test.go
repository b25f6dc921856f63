package dnsmasq

import "testing"

func TestSpeaksOfBooting(t *testing.T) {
	for option, want := range map[string]bool{
		"dhcp-boot=pxelinux.0":                             true,
		" dhcp-boot = pxelinux.0":                          true,
		`dhcp-boot"="pxelinux.0`:                           true,
		"pxe-service=x86PC,Install,pxelinux":               true,
		"dhcp-match=set:bios,option:client-arch,0":         true,
		"dhcp-ignore=tag:!known":                           true,
		"conf-file=/etc/more.conf":                         true,
		"dhcp-script=/bin/script":                          true,
		"enable-tftp":                                      true,
		"log-dhcp\ndhcp-boot=pxelinux.0":                   true,
		"dhcp-option=67,pxelinux.0":                        true,
		"dhcp-option=tag:a, tag:b, 067 ,pxelinux.0":        true,
		"dhcp-option=option:Bootfile-Name,pxelinux.0":      true,
		"dhcp-option-force=net:a,209,b.cfg":                true,
		"dhcp-option-pxe=66,10.0.0.1":                      true,
		"dhcp-option=option:server-ip-address,10.0.0.1":    true,
		"dhcp-option=vendor:PXEClient,6,2b":                true,
		"dhcp-option=option6:bootfile-url,tftp://[fd00::]": true,
		"tag-if=set:netboot-s390x,tag:a":                   true,
		"dhcp-option=6,67,10.0.0.1":                        false,
		"dhcp-option=3":                                    false,
		"dhcp-option=tag:66,option:dns-server,10.0.0.1":    false,
		"dhcp-option=option:ntp-server,10.0.0.1":           false,
		"#dhcp-boot=pxelinux.0":                            false,
		"dhcp-host=52:54:00:aa:bb:cc,10.0.0.2":             false,
		"domain=netboot-lab":                               false,
		"log-dhcp":                                         false,
		"":                                                 false,
	} {
		if got := SpeaksOfBooting([]string{"expand-hosts", option}); got != want {
			t.Errorf("SpeaksOfBooting(%q) = %t", option, got)
		}
	}
	if SpeaksOfBooting(nil) {
		t.Error("no options speak of booting")
	}
}

func TestUsesOurTags(t *testing.T) {
	for option, want := range map[string]bool{
		"dhcp-boot=tag:netboot-s390x,kernel":                true,
		"dhcp-option=tag:a,tag:!netboot-s390x,209,b.cfg":    true,
		"dhcp-host=52:54:00:aa:bb:cc,set:netboot-s390x":     true,
		"dhcp-host=52:54:00:aa:bb:cc,net:netboot-s390x":     true,
		"tag-if=set:netboot-s390x, tag:a":                   true,
		"dhcp-match=netboot-s390x,option:client-arch,31":    true,
		"dhcp-mac = netboot-a,52:54:00:aa:bb:cc":            true,
		`dhcp-mac=set:"netboot-a",52:54:00:aa:bb:cc`:        true,
		"dhcp-option=#netboot-s390x,209,b.cfg":              true,
		"log-dhcp\ndhcp-option=tag:netboot-s390x,209,b.cfg": true,
		"dhcp-boot=netboot-kernel":                          false,
		"dhcp-option=209,netboot-a.cfg":                     false,
		"dhcp-host=netboot-a,10.0.0.2":                      false,
		"dhcp-match=set:netboot,option:client-arch,31":      false,
		"host-record=netboot-a,10.0.0.2":                    false,
		"domain=netboot-lab":                                false,
	} {
		if got := UsesOurTags(option); got != want {
			t.Errorf("UsesOurTags(%q) = %t", option, got)
		}
	}
	for _, test := range ruleLines {
		for _, option := range test.options {
			if !UsesOurTags(option) {
				t.Errorf("UsesOurTags(%q) = false", option)
			}
		}
	}
}
