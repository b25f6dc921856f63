package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
)

// newDomainList lists the guests of a host.
func newDomainList() list.ListResource {
	return &Listing[domainHost]{
		ResourceWithConfigure: &domainResource{},
		Identity:              domainIdentity,
		Schema:                listedAll("The guests of the host."),
		Find:                  findDomains,
	}
}

func findDomains(ctx context.Context, h domainHost, _ string) ([][]string, error) {
	names, err := h.DomainNames(ctx)
	return byName(names), err
}
