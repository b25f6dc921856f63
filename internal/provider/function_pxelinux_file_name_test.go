package provider

import (
	"testing"
)

// The names themselves are pxelinux's, which tests them.
func TestPxelinuxFileNameFunction(t *testing.T) {
	for who, want := range map[string]string{
		"default":                              "default",
		"52:54:00:AB:CD:0E":                    "01-52-54-00-ab-cd-0e",
		"0A1B2C3D-0000-4000-8000-00000000002A": "0a1b2c3d-0000-4000-8000-00000000002a",
		"192.168.150.7":                        "C0A89607",
		"192.168.150.0/24":                     "C0A896",
	} {
		returns(t, text(want), "pxelinux_file_name", text(who))
	}
	returns(t, text("7d1c7f0e-6a3e-4a86-8f0c-0123456789ab"), "pxelinux_file_name", text("7d1c7f0e-6a3e-4a86-8f0c-0123456789ab"), text("ppc64le"))
	returns(t, text("0e7f1c7d-3e6a-864a-8f0c-0123456789ab"), "pxelinux_file_name", text("7d1c7f0e-6a3e-4a86-8f0c-0123456789ab"), text("x86_64"))
	refuses(t, 0, []string{"third group ends in 00", "use a MAC address"}, "pxelinux_file_name", text("7d1c7f0e-6a3e-4a00-8f0c-0123456789ab"), text("x86_64"))
	refuses(t, 1, []string{`"aarch64" is not an architecture`, "s390x, ppc64le, x86_64"}, "pxelinux_file_name", text("default"), text("aarch64"))
	refuses(t, 1, []string{"only one architecture"}, "pxelinux_file_name", text("default"), text("s390x"), text("s390x"))
	for who, want := range map[string]string{
		"":                 `"" is neither a MAC address, a UUID, an IPv4 address or prefix, nor "default"`,
		"guest":            `"guest" is neither`,
		"fd00::1":          `"fd00::1" is neither`,
		"192.168.150.0/22": "does not end at a whole hexadecimal digit",
		"192.168.150.256":  "is not an IPv4 address",
	} {
		refuses(t, 0, []string{want}, "pxelinux_file_name", text(who))
	}
}
