package virt

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseCapabilities(t *testing.T) {
	const text = `<capabilities>
	<host><cpu><arch>s390x</arch></cpu><secmodel><model>apparmor</model></secmodel></host>
	<guest><os_type>hvm</os_type><arch name='s390x'><emulator>/usr/bin/qemu-system-s390x</emulator>
	<domain type='qemu'/><domain type='kvm'><emulator>/usr/bin/qemu-kvm</emulator></domain></arch></guest>
	</capabilities>`
	want := Capabilities{Arch: "s390x", SecurityModels: []string{"apparmor"}, Guests: []Guest{
		{Arch: "s390x", Emulator: "/usr/bin/qemu-kvm", Accelerators: []string{"tcg", "kvm"}},
	}}
	if got, err := parseCapabilities(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parseCapabilities returned %+v, %v, want %+v", got, err, want)
	}
	if _, err := parseCapabilities("<"); err == nil {
		t.Error("nonsense was read")
	}
}

func TestAccelerator(t *testing.T) {
	c := Capabilities{Arch: "x86_64", Guests: []Guest{
		{Arch: "s390x", Accelerators: []string{"tcg"}},
		{Arch: "x86_64", Accelerators: []string{"tcg", "kvm"}},
	}}
	for _, tc := range []struct{ arch, wanted, want, why string }{
		{"s390x", "auto", "tcg", ""},
		{"x86_64", "auto", "kvm", ""},
		{"x86_64", "tcg", "tcg", ""},
		{"s390x", "kvm", "", "only with [tcg]"},
		{"ppc64le", "auto", "", "no emulator for ppc64le"},
	} {
		got, err := c.Accelerator(tc.arch, tc.wanted)
		if got != tc.want || (err == nil) != (tc.why == "") || err != nil && !strings.Contains(err.Error(), tc.why) {
			t.Errorf("Accelerator(%q, %q) = %q, %v, want %q", tc.arch, tc.wanted, got, err, tc.want)
		}
	}
}

func TestHasSecureExecution(t *testing.T) {
	for text, want := range map[string]bool{
		`<domainCapabilities><features><s390-pv supported='yes'/></features></domainCapabilities>`: true,
		`<domainCapabilities><features><s390-pv supported='no'/></features></domainCapabilities>`:  false,
		`<domainCapabilities><features><sev supported='yes'/></features></domainCapabilities>`:     false,
	} {
		if got, err := hasSecureExecution(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
