package main

import (
	"os"
	"strings"
	"testing"
)

func TestFollowWritesWholeLines(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(logFile(dir, "guest"), []byte("first\r\nsecond\nthe re"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		end  bool
		want string
	}{
		{false, "guest | first\nguest | second\n"},
		{true, "guest | first\nguest | second\nguest | the re\n"},
	} {
		var got strings.Builder
		text, err := os.ReadFile(logFile(dir, guests(dir)[0]))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writeLines(&got, "guest", text, test.end); err != nil || got.String() != test.want {
			t.Errorf("got %q and error %v, want %q", got.String(), err, test.want)
		}
	}
}
