package virttest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// API is what the hosts of this package and of virt have in common.
type API interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	StartPool(ctx context.Context, name string) error
	DeletePool(ctx context.Context, name string, removeDirectory bool) error

	Volume(ctx context.Context, pool, name string) (virt.Volume, error)
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	CreateVolume(ctx context.Context, v virt.Volume) error
	CloneVolume(ctx context.Context, v virt.Volume, from string) error
	ResizeVolume(ctx context.Context, pool, name string, capacity uint64, shrink bool) error
	DeleteVolume(ctx context.Context, pool, name string) error
	Upload(ctx context.Context, pool, name string, content io.Reader) error
	Fill(ctx context.Context, pool, name string, content io.Reader) error
	Download(ctx context.Context, pool, name string, to io.Writer) error

	Network(ctx context.Context, name string) (virt.Network, error)
	NetworkNames(ctx context.Context) ([]string, error)
	NetworkName(ctx context.Context, uuid string) (string, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	CreateNetwork(ctx context.Context, n virt.Network) error
	UpdateNetwork(ctx context.Context, n virt.Network) error
	DeleteNetwork(ctx context.Context, name string) error

	Info(ctx context.Context) (virt.Info, error)
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	Firmware(ctx context.Context) ([]byte, error)
	Domain(ctx context.Context, name string) (virt.Domain, error)
	DomainNames(ctx context.Context) ([]string, error)
	DomainName(ctx context.Context, uuid string) (string, error)
	Addresses(ctx context.Context, name string, from virt.AddressSource) ([]netip.Addr, error)
	CreateDomain(ctx context.Context, d virt.Domain) error
	RedefineDomain(ctx context.Context, d virt.Domain) error
	UpdateRunningDomain(ctx context.Context, d virt.Domain) error
	SetNote(ctx context.Context, name, note string) error
	StartDomain(ctx context.Context, name string) error
	BootDomain(ctx context.Context, name string) (io.ReadCloser, error)
	OpenConsole(ctx context.Context, name string) (io.ReadCloser, error)
	RebootDomain(ctx context.Context, name string) error
	ResetDomain(ctx context.Context, name string) error
	InstallDomain(ctx context.Context, d virt.Domain) (*virt.Installation, error)
	JoinInstallation(ctx context.Context, name string) (*virt.Installation, error)
	Installing(ctx context.Context, name string) (bool, error)
	ShutDownDomain(ctx context.Context, name string, patience time.Duration) error
	KillDomain(ctx context.Context, name string) error
	DeleteDomain(ctx context.Context, name string) error

	URI() string
	Close() error
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
	StopPool func(ctx context.Context, pool string) error   // makes a pool inactive, as an administrator may
	Suspend  func(ctx context.Context, domain string) error // pauses a guest, as an administrator may
}

// Contract checks that a host behaves as the provider relies on. It runs on hosts in memory and on
// real ones, so that tests with the former say something about the latter. The host may be shared:
// what a check makes has a name that begins with "contract" and is taken away again.
func Contract(t *testing.T, open func(t *testing.T) Subject) {
	for _, checks := range [][]check{poolChecks, volumeChecks, networkChecks, domainChecks, installChecks} {
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
