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

// without is the value of NETBOOT_LAB for a run of tests that need no host, no guest and no root: "make unit".
const without = "none"

// Need skips a test that needs a real host, guest or kernel, if the run is only for tests that do not. A test that uses
// the lab without Shared must call it first.
func Need(t testing.TB) {
	t.Helper()
	if os.Getenv("NETBOOT_LAB") == without {
		t.Skip("it needs a real host, which \"make test\" starts")
	}
}

// Shared returns the host of this test process. The first test that calls it starts the host, and Main stops
// it. Tests share the host, so each test uses its own names on it. If libvirtd dies during a test, that test
// fails and says so, and libvirtd is restarted for the next test.
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

// Runs tells whether libvirtd is running. It makes no connection, because the end of a connection would be a
// line in libvirtd's log.
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
