package pxelinuxconfigs

import (
	"context"
	"io/fs"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// publishInitrd publishes the initrd of entries that have none, before the text names it.
func (r *pxelinuxConfigResource) publishInitrd(ctx context.Context, m pxelinuxConfigModel, diags *diag.Diagnostics) error {
	if !m.lacksInitrd(ctx, diags) {
		return nil
	}
	_, err := tftproot.PublishText(ctx, r.directory(m), m.emptyInitrdName(), image.EmptyInitrd)
	return err
}

// findInitrd looks for the file that publishInitrd publishes. A file with another size, or one that guests cannot read, does
// not count.
func (r *pxelinuxConfigResource) findInitrd(ctx context.Context, m pxelinuxConfigModel, diags *diag.Diagnostics) error {
	if !m.lacksInitrd(ctx, diags) {
		return nil
	}
	info, err := r.directory(m).Stat(ctx, m.emptyInitrdName())
	if err == nil && (info.Size() != int64(len(image.EmptyInitrd)) || !tftproot.Readable(info)) {
		err = fs.ErrNotExist
	}
	return err
}

// removeInitrd removes the file that publishInitrd publishes for the same entries.
func (r *pxelinuxConfigResource) removeInitrd(ctx context.Context, m pxelinuxConfigModel, diags *diag.Diagnostics) error {
	if !m.lacksInitrd(ctx, diags) {
		return nil
	}
	return framework.RemoveFile(ctx, r.directory(m), m.emptyInitrdName())
}
