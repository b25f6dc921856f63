package images

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// NewList lists the images below TFTP roots.
func NewList() list.ListResource {
	return &framework.Listing[Host]{
		ResourceWithConfigure: &imageResource{},
		Identity:              imageIdentity,
		Schema:                framework.ListSchemaWithin("tftp_root", "The images below a TFTP root, or below each. Files with a `file_name` of the user's choice are not among them."),
		Find:                  findImages,
	}
}

func findImages(ctx context.Context, h Host, within string) ([][]string, error) {
	return framework.ListBelow(ctx, h, within, func(root string) string { return root }, bootfiles.ImageOf)
}
