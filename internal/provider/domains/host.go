package domains

import (
	"context"
	"io"
	"net/netip"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host is what guests need of a host.
type Host interface {
	framework.Connection
	virt.DirectoryHost
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	Firmware(ctx context.Context) ([]byte, error)
	Pool(ctx context.Context, name string) (virt.Pool, error)
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Network(ctx context.Context, name string) (virt.Network, error)
	CheckBridge(ctx context.Context, name string) error
	Beneath(ctx context.Context, domain string, disk virt.Disk) ([]virt.Layer, error)
	DisksWithOverlays(ctx context.Context, name string, wanted []virt.Disk) ([]virt.Disk, error)
	Belongings(ctx context.Context, name string) (virt.Belongings, error)
	SavedDomain(ctx context.Context, name string) (*virt.Domain, error)
	DiscardSaved(ctx context.Context, name string) error
	IsTransient(ctx context.Context, name string) (bool, error)
	Domain(ctx context.Context, name string) (virt.Domain, error)
	Guests(ctx context.Context) (map[string]virt.Domain, error)
	DomainNames(ctx context.Context) ([]string, error)
	DomainName(ctx context.Context, uuid string) (string, error)
	Addresses(ctx context.Context, name string, from virt.AddressSource) ([]netip.Addr, error)
	CreateDomain(ctx context.Context, d virt.Domain) error
	RedefineDomain(ctx context.Context, d virt.Domain) error
	UpdateRunningDomain(ctx context.Context, d virt.Domain) error
	SetNote(ctx context.Context, name, note string) error
	StartDomain(ctx context.Context, name string) error
	BootDomain(ctx context.Context, name string) (io.ReadCloser, error)
	WatchRun(ctx context.Context, name string) (*virt.Run, error)
	LeasedAddresses(ctx context.Context, name string) ([]virt.LeasedAddress, error)
	AwaitPort(ctx context.Context, at netip.AddrPort) error
	OpenConsole(ctx context.Context, name string) (io.ReadCloser, error)
	RebootDomain(ctx context.Context, name string) error
	ResetDomain(ctx context.Context, name string) error
	InstallDomain(ctx context.Context, d virt.Domain) (*virt.Installation, error)
	JoinInstallation(ctx context.Context, name string) (*virt.Installation, error)
	Installing(ctx context.Context, name string) (bool, error)
	ShutDownDomain(ctx context.Context, name string, patience time.Duration) error
	DeleteDomain(ctx context.Context, name string) error
	RunCommand(ctx context.Context, name string, c virt.Command) (virt.CommandResult, error)
	CreateSnapshot(ctx context.Context, name, snapshot string) error
	RevertSnapshot(ctx context.Context, name, snapshot string) error
	DeleteSnapshot(ctx context.Context, name, snapshot string) error
}
