package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
)

// newImageList lists the images below TFTP roots.
func newImageList() list.ListResource {
	return &Listing[imageHost]{
		ResourceWithConfigure: &imageResource{},
		Identity:              imageIdentity,
		Schema:                listedWithin("tftp_root", "The images below a TFTP root, or below each. Files with a `file_name` of the user's choice are not among them."),
		Find:                  findImages,
	}
}

func findImages(ctx context.Context, h imageHost, within string) ([][]string, error) {
	return below(ctx, h, within, func(root string) string { return root }, bootfiles.ImageOf)
}
