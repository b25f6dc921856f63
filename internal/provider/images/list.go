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
		Schema:                framework.ListSchemaWithin("tftp_root", "The images below one TFTP root, or below all. Files with a `file_name` that the user chose are not included."),
		Find:                  findImages,
	}
}

func findImages(ctx context.Context, h Host, within string) ([][]string, error) {
	return framework.ListBelow(ctx, h, within, func(root string) string { return root }, bootfiles.ImageOf)
}
