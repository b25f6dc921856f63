package lab

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

var shared struct {
	once sync.Once
	host *Host
	err  error
}

// Shared is the host of this test process: the first test that asks starts it, Main stops it. Tests
// share it, so each takes names of its own for what it makes there.
func Shared(t testing.TB) *Host {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		shared.host, shared.err = Start(ctx)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.host
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
