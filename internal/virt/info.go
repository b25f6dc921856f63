package virt

import (
	"context"
	"fmt"

	"github.com/digitalocean/go-libvirt"
)

// Info is what a host says of itself.
type Info struct {
	Hostname   string
	Libvirt    string // version of libvirtd, such as 9.0.0
	Hypervisor string // version of the host's own QEMU
}

// Info asks a host what it is.
func (h *Host) Info(ctx context.Context) (Info, error) {
	return call(ctx, h, func(l *libvirt.Libvirt) (Info, error) {
		hostname, err := l.ConnectGetHostname()
		if err != nil {
			return Info{}, err
		}
		library, err := l.ConnectGetLibVersion()
		if err != nil {
			return Info{}, err
		}
		hypervisor, err := l.ConnectGetVersion()
		if err != nil {
			return Info{}, err
		}
		return Info{hostname, version(library), version(hypervisor)}, nil
	})
}

// version writes a version as people do: libvirt encodes it as 1,000,000 major + 1,000 minor + release.
func version(encoded uint64) string {
	return fmt.Sprintf("%d.%d.%d", encoded/1_000_000, encoded/1000%1000, encoded%1000)
}
