package networks

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// NewList lists the networks of a host.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &networkResource{},
		Identity:              networkIdentity,
		Schema:                framework.ListSchema("The networks of the host."),
		Find:                  findNetworks,
	}
}

func findNetworks(ctx context.Context, h Host, _ string) ([][]string, error) {
	names, err := h.NetworkNames(ctx)
	return framework.ListByName(names), err
}
