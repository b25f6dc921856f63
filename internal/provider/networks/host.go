package networks

import (
	"context"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Host has the methods of a host that networks need.
type Host interface {
	framework.Connection
	Info(ctx context.Context) (virt.Info, error)
	Network(ctx context.Context, name string) (virt.Network, error)
	NetworkNames(ctx context.Context) ([]string, error)
	NetworkName(ctx context.Context, uuid string) (string, error)
	NetworkGuests(ctx context.Context, name string) ([]string, error)
	CreateNetwork(ctx context.Context, n virt.Network) error
	UpdateNetwork(ctx context.Context, n virt.Network) error
	DeleteNetwork(ctx context.Context, name string) error
	CheckBridge(ctx context.Context, name string) error
	Capabilities(ctx context.Context) (virt.Capabilities, error)
}
