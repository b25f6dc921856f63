package images

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// The connection may be lost when an old file of an image is removed. Then only the image knows the name of this file.

// leftKey is the key in the private state for the names of old files that could not be removed. The next apply or the
// destroy removes them.
const leftKey = "left"

func loadLeft(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []string {
	if left := framework.LoadPrivate[[]string](ctx, private, leftKey, diags); left != nil {
		return *left
	}
	return nil
}

// planRemoval makes a plan an update if old files are left that could not be removed.
func (m *imageModel) planRemoval(ctx context.Context, left []string, diags *diag.Diagnostics) {
	kernel := m.file(ctx, "kernel", diags)
	if len(left) == 0 || kernel == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Old files of %s are left", m.subject()),
		fmt.Sprintf("An earlier run could not remove these files. The apply removes them: %s.", strings.Join(left, ", ")))
	kernel.SizeBytes = types.Int64Unknown()
	m.setFile(ctx, "kernel", kernel, diags)
}
