package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// newPxelinuxConfigList lists the pxelinux configurations below TFTP roots.
func newPxelinuxConfigList() list.ListResource {
	return &Listing[pxelinuxConfigHost]{
		ResourceWithConfigure: &pxelinuxConfigResource{},
		Identity:              pxelinuxConfigIdentity,
		Schema:                listedWithin("tftp_root", "The pxelinux configurations below a TFTP root, or below each."),
		Find:                  findConfigs,
	}
}

func findConfigs(ctx context.Context, h pxelinuxConfigHost, within string) ([][]string, error) {
	return below(ctx, h, within, tftproot.ConfigPool, func(file string) string { return file })
}
