package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// newTFTPRootList lists the TFTP roots of a host.
func newTFTPRootList() list.ListResource {
	return &Listing[tftpRootHost]{
		ResourceWithConfigure: &tftpRootResource{},
		Identity:              tftpRootIdentity,
		Schema:                listedAll("The TFTP roots of the host: pairs of pools as `netboot_tftp_root` makes them."),
		Find:                  findRoots,
	}
}

func findRoots(ctx context.Context, h tftpRootHost, _ string) ([][]string, error) {
	pools, err := h.PoolNames(ctx)
	return byName(tftproot.Roots(pools)), err
}
