package lab

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(ownerOnly) != "" {
		ownHost()
	}
	os.Exit(Main(m))
}

// create makes a transient object from a file, and destroys it at the end of the test if it still exists.
func create(t *testing.T, h *Host, kind, file, name string) {
	t.Helper()
	verb := func(verb string) string { return strings.TrimPrefix(kind+"-"+verb, "-") }
	virsh(t, h, verb("create"), file)
	t.Cleanup(func() { _, _ = h.Virsh(context.WithoutCancel(t.Context()), verb("destroy"), name) })
}

func virsh(t *testing.T, h *Host, args ...string) string {
	t.Helper()
	out, err := h.Virsh(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// eventually gives the condition four minutes, as long as a guest may need to boot on a busy machine.
func eventually(condition func() bool) bool {
	for range 2400 {
		if condition() {
			return true
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
