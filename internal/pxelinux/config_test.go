package pxelinux

import (
	"slices"
	"testing"
)

func TestInitrds(t *testing.T) {
	for list, want := range map[string][]string{
		"":                        nil,
		"a":                       {"a"},
		"a,/b":                    {"a", "/b"},
		"a,,b":                    {"a", "", "b"},
		"(http,h)/a,(tftp,h)/b,c": {"(http,h)/a", "(tftp,h)/b", "c"},
		"a),b":                    {"a)", "b"},
	} {
		if got := (Entry{Initrd: list}).Initrds(); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", list, got, want)
		}
	}
}
