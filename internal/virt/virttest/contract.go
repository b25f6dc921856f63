package virttest

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// API is what the contract needs of a host. Each file declares what its cases need.
type API interface {
	poolHost
	volumeHost
	userHost
	networkHost
	domainHost
	installHost
	snapshotHost
}

// FileSystem is a host's disk as another user of that host uses it, without libvirt.
type FileSystem interface {
	Stat(path string) (fs.FileInfo, error)
	ReadFile(path string) ([]byte, error)
	WriteFile(path string, content []byte) error
	Mkdir(path string, mode fs.FileMode) error
	Chmod(path string, mode fs.FileMode) error
	Remove(path string) error // a directory is removed with its content
}

// Subject is a host that the contract checks.
type Subject struct {
	API
	Disk     FileSystem
	StopPool func(ctx context.Context, pool string) error         // makes a pool inactive, as an administrator may do
	Suspend  func(ctx context.Context, domain string) error       // pauses a guest, as an administrator may do
	Snapshot func(ctx context.Context, domain, name string) error // puts an overlay over each of a guest's disks
	Save     func(ctx context.Context, domain string) error       // saves the memory of a running guest, and stops the guest
}

// Contract checks that a host behaves as the provider expects. It runs on hosts in memory and on real hosts, so that
// tests with hosts in memory are valid for real hosts. The host may be shared: what a check makes has a name that
// begins with "contract" and is removed afterwards.
func Contract(t *testing.T, open func(t *testing.T) Subject) {
	for _, checks := range [][]check{poolChecks, volumeChecks, userChecks, networkChecks, domainChecks, installChecks, snapshotChecks} {
		for _, c := range checks {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	}
}

type check struct {
	name string
	run  func(t *testing.T, s Subject)
}

// refused checks that an error is the sentinel.
func refused(t *testing.T, what string, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s: error %v, want one that is %q", what, err, sentinel)
	}
}

// failed checks that a host returns an error if it cannot carry out a request although the object exists.
func failed(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error", what)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		t.Errorf("%s: error %v says more than is known", what, err)
	}
}

func done(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// tidy undoes something after the test, if the test has not undone it itself.
func tidy(t *testing.T, what string, undo func(ctx context.Context) error) {
	t.Cleanup(func() {
		if err := undo(context.Background()); err != nil && !errors.Is(err, virt.ErrNotFound) {
			t.Errorf("unable to tidy up %s: %v", what, err)
		}
	})
}

// soon runs what must not block.
func soon(t *testing.T, what string, f func() error) error {
	t.Helper()
	answer := make(chan error, 1)
	go func() { answer <- f() }()
	select {
	case err := <-answer:
		return err
	case <-time.After(2 * time.Second):
		t.Fatalf("%s: no answer within two seconds", what)
		return nil
	}
}

// letters returns content of this many bytes.
func letters(n int) string { return strings.Repeat("netboot.", n/8+1)[:n] }
