package provider

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// observedHostHost is what the data source of a host asks of a host.
type observedHostHost interface {
	Connection
	Info(ctx context.Context) (virt.Info, error)
	Capabilities(ctx context.Context) (virt.Capabilities, error)
	Firmware(ctx context.Context) ([]byte, error)
}
