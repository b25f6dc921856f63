package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/digitalocean/go-libvirt"
)

// Info is what a host reports about itself.
type Info struct {
	Hostname   string
	Libvirt    string // version of libvirtd, such as 9.0.0
	Hypervisor string // version of the host's own QEMU; empty if libvirt does not know it
}

// Info asks a host for its versions and names.
func (h *Host) Info(ctx context.Context) (Info, error) {
	return query(ctx, h, "read host", func(l *libvirt.Libvirt) (Info, error) {
		hostname, err := l.ConnectGetHostname()
		if err != nil {
			return Info{}, err
		}
		library, err := l.ConnectGetLibVersion()
		if err != nil {
			return Info{}, err
		}
		info := Info{Hostname: hostname, Libvirt: version(library)}
		hypervisor, err := l.ConnectGetVersion()
		if isCode(err, libvirt.ErrInternalError) { // libvirt 9.0, if the host has no QEMU for its own architecture: "Cannot find suitable emulator"
			return info, nil
		}
		info.Hypervisor = version(hypervisor)
		return info, err
	})
}

// release returns libvirtd's version as libvirt encodes it. It asks once.
func (h *Host) release(ctx context.Context) (uint64, error) {
	if known := h.libvirt.Load(); known != 0 {
		return known, nil
	}
	release, err := query(ctx, h, "virConnectGetLibVersion", func(l *libvirt.Libvirt) (uint64, error) { return l.ConnectGetLibVersion() })
	h.libvirt.Store(release)
	return release, err
}

// version writes a version in the usual form: libvirt encodes it as 1,000,000 major + 1,000 minor + release.
func version(encoded uint64) string {
	return fmt.Sprintf("%d.%d.%d", encoded/1_000_000, encoded/1000%1000, encoded%1000)
}

// PoolNames lists the host's pools, both started and stopped.
func (h *Host) PoolNames(ctx context.Context) ([]string, error) {
	return query(ctx, h, "virConnectListAllStoragePools", func(l *libvirt.Libvirt) ([]string, error) {
		pools, _, err := l.ConnectListAllStoragePools(1, 0)
		return names(pools, func(p libvirt.StoragePool) string { return p.Name }), err
	})
}

// NetworkNames lists the host's networks, both started and stopped.
func (h *Host) NetworkNames(ctx context.Context) ([]string, error) {
	return query(ctx, h, "virConnectListAllNetworks", func(l *libvirt.Libvirt) ([]string, error) {
		networks, _, err := l.ConnectListAllNetworks(1, 0)
		return names(networks, func(n libvirt.Network) string { return n.Name }), err
	})
}

// DomainNames lists the host's guests, both running and shut off.
func (h *Host) DomainNames(ctx context.Context) ([]string, error) {
	return query(ctx, h, "virConnectListAllDomains", func(l *libvirt.Libvirt) ([]string, error) {
		domains, _, err := l.ConnectListAllDomains(1, 0)
		return names(domains, func(d libvirt.Domain) string { return d.Name }), err
	})
}

// names returns the names of objects, sorted.
func names[T any](objects []T, name func(T) string) []string {
	all := make([]string, len(objects))
	for i, object := range objects {
		all[i] = name(object)
	}
	slices.Sort(all)
	return all
}
