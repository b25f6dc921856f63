package images

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// The connection may be lost at the moment when a file of an image is to be removed. Nobody but the image
// knows the name of such a file then.

// leftKey is for the names of files that could not be removed when their time had come: the next apply does, or
// the destroy.
const leftKey = "left"

func loadLeft(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []string {
	if left := framework.LoadPrivate[[]string](ctx, private, leftKey, diags); left != nil {
		return *left
	}
	return nil
}

// planRemoval makes an update of a plan, where files are left that could not be removed.
func (m *imageModel) planRemoval(ctx context.Context, left []string, diags *diag.Diagnostics) {
	kernel := m.file(ctx, "kernel", diags)
	if len(left) == 0 || kernel == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Files of %s are left", m.subject()),
		fmt.Sprintf("They could not be removed when their time had come, and the apply removes them: %s.", strings.Join(left, ", ")))
	kernel.SizeBytes = types.Int64Unknown()
	m.setFile(ctx, "kernel", kernel, diags)
}
