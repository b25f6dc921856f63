package virt_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

func TestHostHoldsTheContract(t *testing.T) {
	host := open(t, lab.Shared(t).URI)
	virttest.Contract(t, func(t *testing.T) virttest.Subject {
		return virttest.Subject{
			API:  host,
			Disk: labDisk{lab.Shared(t).Dir},
			StopPool: func(ctx context.Context, pool string) error {
				_, err := lab.Shared(t).Virsh(ctx, "pool-destroy", pool)
				return err
			},
			Suspend: func(ctx context.Context, domain string) error {
				_, err := lab.Shared(t).Virsh(ctx, "suspend", domain)
				return err
			},
			Snapshot: func(ctx context.Context, domain, name string) error {
				_, err := lab.Shared(t).Virsh(ctx, "snapshot-create-as", domain, name, "--disk-only")
				return err
			},
			Save: func(ctx context.Context, domain string) error {
				_, err := lab.Shared(t).Virsh(ctx, "managedsave", domain)
				return err
			},
		}
	})
}

// open returns the host of a URI. The host is closed after the test.
func open(t testing.TB, uri string) *virt.Host {
	t.Helper()
	host, err := virt.Open(uri)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := host.Close(); err != nil {
			t.Error(err)
		}
	})
	return host
}

// labDisk is the lab's disk. Its directory /srv can be reached from outside.
type labDisk struct{ dir string }

func (d labDisk) Stat(path string) (fs.FileInfo, error) { return os.Stat(filepath.Join(d.dir, path)) }
func (d labDisk) ReadFile(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.dir, path))
}
func (d labDisk) Mkdir(path string, mode fs.FileMode) error {
	return os.Mkdir(filepath.Join(d.dir, path), mode)
}
func (d labDisk) Chmod(path string, mode fs.FileMode) error {
	return os.Chmod(filepath.Join(d.dir, path), mode)
}
func (d labDisk) Remove(path string) error { return os.RemoveAll(filepath.Join(d.dir, path)) }
func (d labDisk) WriteFile(path string, content []byte) error {
	path = filepath.Join(d.dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}
