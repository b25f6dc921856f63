package pxelinuxconfigs

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// NewList lists the pxelinux configurations below TFTP roots.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &pxelinuxConfigResource{},
		Identity:              pxelinuxConfigIdentity,
		Schema:                framework.ListSchemaWithin("tftp_root", "The pxelinux configurations below one TFTP root, or below all."),
		Find:                  findConfigs,
	}
}

func findConfigs(ctx context.Context, h Host, within string) ([][]string, error) {
	return framework.ListBelow(ctx, h, within, tftproot.ConfigPool, func(file string) string {
		named := pxelinuxConfigModel{FileName: types.StringValue(file)}
		named.setTarget()
		if named.checkName() != nil {
			return "" // files that other files include, and initrds
		}
		return file
	})
}
