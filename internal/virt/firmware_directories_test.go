package virt

import (
	"path"
	"slices"
	"testing"
)

func TestFirmwareDirectories(t *testing.T) {
	for emulator, want := range map[string][]string{
		"/usr/bin/qemu-system-s390x":      {"/usr/share/qemu", "/usr/share/qemu-kvm"},
		"/usr/libexec/qemu-kvm":           {"/usr/share/qemu", "/usr/share/qemu-kvm"},
		"/opt/qemu/bin/qemu-system-s390x": {"/opt/qemu/share/qemu", "/usr/share/qemu", "/usr/share/qemu-kvm"},
		"":                                {"/usr/share/qemu", "/usr/share/qemu-kvm"},
	} {
		c := Capabilities{Guests: []Guest{{Arch: "x86_64", Emulator: "/elsewhere/bin/qemu-system-x86_64"}}}
		if emulator != "" {
			c.Guests = append(c.Guests, Guest{Arch: "s390x", Emulator: emulator})
		}
		if got := c.firmwareDirectories(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", emulator, got, want)
		}
	}
}

// TestRespelt checks that the names of a directory differ for libvirt, but not for the kernel.
func TestRespelt(t *testing.T) {
	const dir = "/usr/share/qemu"
	for range 100 {
		if got := aliasPath(dir); got == dir || path.Clean(got) != dir || len(got) > 4000 {
			t.Fatalf("got %q", got)
		}
	}
}
