package pxelinux

import (
	"strings"
	"testing"
)

func TestFileName(t *testing.T) {
	for _, test := range []struct{ who, want string }{
		{"default", "default"},
		{"52:54:00:AB:cd:0e", "01-52-54-00-ab-cd-0e"},
		{"52-54-00-AB-CD-0E", "01-52-54-00-ab-cd-0e"},
		{"5254.00ab.cd0e", "01-52-54-00-ab-cd-0e"},
		{"0A1B2C3D-0000-4000-8000-00000000002A", "0a1b2c3d-0000-4000-8000-00000000002a"},
		{"0a1b2c3d00004000800000000000002a", "0a1b2c3d-0000-4000-8000-00000000002a"},
		{"10.9.0.33", "0A090021"},
		{"192.168.150.7/32", "C0A89607"},
		{"192.168.150.0/24", "C0A896"},
		{"192.168.144.0/20", "C0A89"},
		{"192.0.0.0/4", "C"},
	} {
		got, err := FileName(test.who, UnknownFirmware)
		if err != nil || got != test.want {
			t.Errorf("FileName(%q) = %q, %v; want %q", test.who, got, err, test.want)
		}
	}
}

func TestFileNameErrors(t *testing.T) {
	for _, test := range []struct {
		who  string
		want []string // parts of the error
	}{
		{"", []string{"neither a MAC address"}},
		{"guest", []string{"neither a MAC address"}},
		{"01-52-54-00-12-34-56", []string{"neither a MAC address"}},
		{"00-00-00-00-fe-80-00-00", []string{"neither a MAC address"}},
		{"00000000-0000-0000-0000-000000000000", []string{"a UUID of zeros"}},
		{"0a1b2c3d-0000-4000-8000_00000000002a", []string{"neither a MAC address"}},
		{"fd00::1", []string{"neither a MAC address"}},
		{"192.168.150.256", []string{"not an IPv4 address"}},
		{"192.168.150.0/33", []string{"not an IPv4 address"}},
		{"0.0.0.0/0", []string{`the name for that is "default"`}},
		{"192.168.150.1/24", []string{"write 192.168.150.0/24", "192.168.150.1 for the single address"}},
		{"192.168.150.0/22", []string{"4 files, beginning with 192.168.148.0/24", "192.168.144.0/20 for more addresses"}},
		{"128.0.0.0/1", []string{"8 files, beginning with 128.0.0.0/4", `"default" for every guest`}},
		{"192.168.150.6/31", []string{"2 files, beginning with 192.168.150.6/32", "192.168.150.0/28"}},
	} {
		got, err := FileName(test.who, UnknownFirmware)
		if err == nil {
			t.Errorf("FileName(%q) = %q, want an error", test.who, got)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("FileName(%q): error %q does not contain %q", test.who, err, part)
			}
		}
	}
}

func TestUUIDFileNameZero(t *testing.T) {
	if _, err := UUIDFileName("00000000-0000-0000-0000-000000000000"); err == nil || !strings.Contains(err.Error(), "zeros") {
		t.Errorf("error of a zero UUID = %v, want one about zeros", err)
	}
}

func TestIPv4Of(t *testing.T) {
	tests := map[string]string{
		"C0A89601":   "192.168.150.1",
		"C0A896":     "192.168.150.0/24",
		"C0A8960":    "192.168.150.0/28",
		"0":          "0.0.0.0/4",
		"c0a89601":   "", // the firmware writes upper case
		"C0A8960100": "",
		"default":    "",
		"":           "",
	}
	for name, want := range tests {
		got := IPv4Of(name)
		if got != want {
			t.Errorf("IPv4Of(%q) = %q, want %q", name, got, want)
		}
		if back, err := IPv4FileName(got); want != "" && (err != nil || back != name) {
			t.Errorf("IPv4FileName(%q) = %q, %v, want %q", got, back, err, name)
		}
	}
}
