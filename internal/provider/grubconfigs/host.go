package grubconfigs

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host has the methods of a host that GRUB configurations need.
type Host interface {
	framework.Connection
	virt.DirectoryHost
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Guests(ctx context.Context) (map[string]virt.Domain, error)
}
