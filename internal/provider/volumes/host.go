package volumes

import (
	"context"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host is what volumes need of a host.
type Host interface {
	framework.Connection
	virt.PopulateHost
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
	VolumeUsers(ctx context.Context, v virt.Volume) (virt.Users, error)
	UnplugVolume(ctx context.Context, domain string, v virt.Volume) error
	PlugVolume(ctx context.Context, domain string, v virt.Volume) error
	StartDomain(ctx context.Context, name string) error
	ShutDownDomain(ctx context.Context, name string, patience time.Duration) error
	CheckResize(ctx context.Context, pool, name string) (guests []string, err error)
	Belongings(ctx context.Context, domain string) (virt.Belongings, error)
	WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error)
}
