package provider

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// host is what the resources ask of a libvirt host: virt.Host is one, virttest has one in memory.
type host interface {
	poolHost
	volumeHost
	networkHost
	domainHost
	URI() string
	Info(ctx context.Context) (virt.Info, error)
	WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error)
}

type poolHost interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	StartPool(ctx context.Context, name string) error
	DeletePool(ctx context.Context, name string, removeDirectory bool) error
}

type volumeHost interface {
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
}

type networkHost interface {
	Network(ctx context.Context, name string) (virt.Network, error)
	NetworkNames(ctx context.Context) ([]string, error)
	NetworkName(ctx context.Context, uuid string) (string, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	CreateNetwork(ctx context.Context, n virt.Network) error
	UpdateNetwork(ctx context.Context, n virt.Network) error
	DeleteNetwork(ctx context.Context, name string) error
}

type domainHost interface {
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	Firmware(ctx context.Context) ([]byte, error)
	Domain(ctx context.Context, name string) (virt.Domain, error)
	DomainNames(ctx context.Context) ([]string, error)
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
}
