package domains

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// NewList lists the guests of a host.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &domainResource{},
		Identity:              domainIdentity,
		Schema:                framework.ListSchema("The guests on the host."),
		Find:                  findDomains,
	}
}

func findDomains(ctx context.Context, h Host, _ string) ([][]string, error) {
	names, err := h.DomainNames(ctx)
	return framework.ListByName(names), err
}
