package provider

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// tftpRootHost is what TFTP roots ask of a host.
type tftpRootHost interface {
	Connection
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	StartPool(ctx context.Context, name string) error
	DeletePool(ctx context.Context, name string, removeDirectory bool) error
	VolumeNames(ctx context.Context, pool string) ([]string, error)
}
