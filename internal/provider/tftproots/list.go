package tftproots

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// NewList lists the TFTP roots of a host.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &tftpRootResource{},
		Identity:              tftpRootIdentity,
		Schema:                framework.ListSchema("The TFTP roots of the host: pairs of pools, as `netboot_tftp_root` creates them."),
		Find:                  findRoots,
	}
}

func findRoots(ctx context.Context, h Host, _ string) ([][]string, error) {
	pools, err := h.PoolNames(ctx)
	return framework.ListByName(tftproot.Roots(pools)), err
}
