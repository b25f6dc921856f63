package hosts

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host has the methods of a host that the data source needs.
type Host interface {
	framework.Connection
	Info(ctx context.Context) (virt.Info, error)
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	SecureExecution(ctx context.Context) (bool, error)
	Firmware(ctx context.Context) ([]byte, error)
}
