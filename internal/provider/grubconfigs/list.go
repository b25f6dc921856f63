package grubconfigs

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// NewList lists the GRUB configurations below TFTP roots.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &grubConfigResource{},
		Identity:              grubConfigIdentity,
		Schema:                framework.ListSchemaWithin("tftp_root", "The GRUB configurations below one TFTP root, or below all."),
		Find:                  findConfigs,
	}
}

func findConfigs(ctx context.Context, h Host, within string) ([][]string, error) {
	pool := func(root string) string { return tftproot.DirPool(root, grub.Dir) }
	return framework.ListBelow(ctx, h, within, pool, func(file string) string {
		if grub.MACOf(file) == "" && grub.ArchOf(file) == "" {
			return "" // the dispatcher, and files that other files load
		}
		return file
	})
}
