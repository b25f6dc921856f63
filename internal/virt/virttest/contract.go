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

// API is what the contract asks of a host, which each of its files says for its cases.
type API interface {
	poolHost
	volumeHost
	userHost
	networkHost
	domainHost
	installHost
	snapshotHost
}

// FileSystem is a host's disk as somebody else on that host uses it, past libvirt.
type FileSystem interface {
	Stat(path string) (fs.FileInfo, error)
	ReadFile(path string) ([]byte, error)
	WriteFile(path string, content []byte) error
	Mkdir(path string, mode fs.FileMode) error
	Chmod(path string, mode fs.FileMode) error
	Remove(path string) error // also a directory, with what it holds
}

// Subject is a host that is held to the contract.
type Subject struct {
	API
	Disk     FileSystem
	StopPool func(ctx context.Context, pool string) error         // makes a pool inactive, as an administrator may
	Suspend  func(ctx context.Context, domain string) error       // pauses a guest, as an administrator may
	Snapshot func(ctx context.Context, domain, name string) error // puts an overlay over each of a guest's disks
	Save     func(ctx context.Context, domain string) error       // saves the memory of a guest that runs, and stops it
}

// Contract checks that a host behaves as the provider relies on. It runs on hosts in memory and on
// real ones, so that tests with the former say something about the latter. The host may be shared:
// what a check makes has a name that begins with "contract" and is taken away again.
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

// refused is what a host must return: an error that is the sentinel.
func refused(t *testing.T, what string, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("%s: error %v, want one that is %q", what, err, sentinel)
	}
}

// failed is what a host must return where it cannot do what is asked but the thing is there.
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

// tidy undoes something after the test, where the test has not done so itself.
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

// letters is content of so many bytes.
func letters(n int) string { return strings.Repeat("netboot.", n/8+1)[:n] }
