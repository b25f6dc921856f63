package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var shared struct {
	once sync.Once
	host *Host
	err  error
}

// without says, as NETBOOT_LAB=none, that a run is for what needs no host, no guest and no root: "make unit".
const without = "none"

// Need skips a test that needs a real host, guest or kernel, where the run is for those that need none. Whoever takes
// something of the lab without Shared calls it first.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv("NETBOOT_LAB") == without {
		t.Skip("it needs a real host, which \"make test\" starts")
	}
}

// Shared is the host of this test process: the first test that asks starts it, Main stops it. Tests
// share it, so each takes names of its own for what it makes there. A test that libvirtd dies in fails
// and says so, and the next one has libvirtd again.
func Shared(t testing.TB) *Host {
	t.Helper()
	Need(t)
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		shared.host, shared.err = Start(ctx)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	t.Cleanup(func() { revive(t, shared.host) })
	return shared.host
}

func revive(t testing.TB, h *Host) {
	t.Helper()
	if h.Runs() {
		return
	}
	t.Errorf("libvirtd has died in this test, unless the test ended it; its log ends with:\n%s", lastLines(h.Log(), 10))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if err := h.Restart(ctx); err != nil {
		t.Error(err)
	}
}

// Runs tells whether libvirtd is there, without a connection, whose end would be a line in its log.
func (h *Host) Runs() bool {
	pid, err := os.ReadFile(filepath.Join(h.Dir, "run", "libvirtd.pid"))
	if err != nil {
		return false
	}
	processes := fmt.Sprintf("/proc/%d/root/proc", h.init.Process.Pid)
	_, err = os.Stat(filepath.Join(processes, strings.TrimSpace(string(pid))))
	return err == nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// Main runs a package's tests and stops their shared host:
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	if shared.host == nil {
		return code
	}
	if err := shared.host.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
