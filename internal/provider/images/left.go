package images

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// An old file of an image stays while a boot configuration or a guest names it, and if the connection is lost when it is to
// be removed. Then only the image knows the name of this file.

// leftKey is the key in the private state for the names of old files that are left. A later update in the same run, the next
// apply or the destroy removes them.
const leftKey = "left"

func loadLeft(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []string {
	if left := framework.LoadPrivate[[]string](ctx, private, leftKey, diags); left != nil {
		return *left
	}
	return nil
}

// removeUnused removes the old files that nothing names, and returns those that are left.
func (r *imageResource) removeUnused(ctx context.Context, m imageModel, files []string) (left []string, err error) {
	unused, users, err := framework.Unused(ctx, r.Host, m.root(), files)
	if err == nil {
		err = bootfiles.Remove(ctx, r.directory(m), unused)
	}
	if err != nil {
		return files, err
	}
	left = slices.DeleteFunc(files, func(file string) bool { return slices.Contains(unused, file) })
	r.Superseded.Add(m.root(), left, users)
	return left, nil
}

// forgetRemoved forgets the files that an update of a boot configuration or of a guest has removed.
func (r *imageResource) forgetRemoved(ctx context.Context, m imageModel, from framework.PrivateState, to framework.PrivateWriter, diags *diag.Diagnostics) {
	left := loadLeft(ctx, from, diags)
	if len(left) == 0 {
		return
	}
	left = r.existing(ctx, m.root(), left)
	framework.SavePrivate(ctx, to, leftKey, &left, diags)
}

// existing returns the files that exist, or all of them if the host does not say. If there are no files, it does not ask.
func (r *imageResource) existing(ctx context.Context, root string, files []string) []string {
	if len(files) == 0 {
		return nil
	}
	names, err := r.Host.VolumeNames(ctx, root)
	return slices.DeleteFunc(files, func(file string) bool { return err == nil && !slices.Contains(names, file) })
}

// planRemoval makes a plan an update if old files are left that could not be removed.
func (m *imageModel) planRemoval(ctx context.Context, left []string, diags *diag.Diagnostics) {
	kernel := m.file(ctx, "kernel", diags)
	if len(left) == 0 || kernel == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Old files of %s are left", m.subject()),
		fmt.Sprintf("An earlier run could not remove these files, or something still named them. The apply removes them: %s.", strings.Join(left, ", ")))
	kernel.SizeBytes = types.Int64Unknown()
	m.setFile(ctx, "kernel", kernel, diags)
}
