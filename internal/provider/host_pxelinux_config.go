package provider

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// pxelinuxConfigHost is what pxelinux configurations ask of a host.
type pxelinuxConfigHost interface {
	Connection
	virt.DirectoryHost
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	Firmware(ctx context.Context) ([]byte, error)
}
