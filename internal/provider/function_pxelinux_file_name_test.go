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
