package tftproots

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host has the methods of a host that TFTP roots need.
type Host interface {
	framework.Connection
	virt.DirectoryHost
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	StartPool(ctx context.Context, name string) error
	DeletePool(ctx context.Context, name string, removeDirectory bool) error
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error)
}
