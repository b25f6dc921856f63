package netboot

import (
	"strings"
	"testing"
)

func TestCanonicalMAC(t *testing.T) {
	for mac, want := range map[string]string{
		"52:54:00:aa:bb:01": "52:54:00:aa:bb:01",
		"52-54-00-AA-BB-01": "52:54:00:aa:bb:01",
		"5254.00AA.BB01":    "52:54:00:aa:bb:01",
		"":                  "",
		"not a MAC":         "not a MAC",
	} {
		if got := CanonicalMAC(mac); got != want {
			t.Errorf("CanonicalMAC(%q) = %q, want %q", mac, got, want)
		}
	}
}

// TestDerivedMAC fixes the addresses for names: another version of the provider must not give guests other addresses.
func TestDerivedMAC(t *testing.T) {
	for _, test := range []struct {
		guest string
		index int
		want  string
	}{
		{"blog-netboot", 0, "52:54:00:09:43:37"},
		{"blog-netboot", 1, "52:54:00:b0:fd:8d"},
		{"", 0, "52:54:00:e3:b0:c4"},
	} {
		if got := DerivedMAC(test.guest, test.index); got != test.want {
			t.Errorf("DerivedMAC(%q, %d) = %q, want %q", test.guest, test.index, got, test.want)
		}
	}
	seen := map[string]bool{}
	for _, guest := range []string{"a", "b", "c"} {
		for index := range 4 {
			mac := DerivedMAC(guest, index)
			if seen[mac] || !strings.HasPrefix(mac, "52:54:00:") || CanonicalMAC(mac) != mac {
				t.Errorf("interface %d of %s gets %s", index, guest, mac)
			}
			seen[mac] = true
		}
	}
}
