package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
)

// newNetworkList lists the networks of a host.
func newNetworkList() list.ListResource {
	return &Listing[networkHost]{
		ResourceWithConfigure: &networkResource{},
		Identity:              networkIdentity,
		Schema:                listedAll("The networks of the host."),
		Find:                  findNetworks,
	}
}

func findNetworks(ctx context.Context, h networkHost, _ string) ([][]string, error) {
	names, err := h.NetworkNames(ctx)
	return byName(names), err
}
