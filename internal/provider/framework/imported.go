package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// importedKey is the key in the private state that says that a resource was imported.
const importedKey = "imported"

// NoteImport records that a resource existed before Terraform managed it.
func NoteImport(ctx context.Context, private PrivateWriter, diags *diag.Diagnostics) {
	imported := true
	SavePrivate(ctx, private, importedKey, &imported, diags)
}

// WarnImported warns, in the plan of a destroy, about what is permanently removed although it existed before Terraform managed
// it, and how to keep it.
func WarnImported(ctx context.Context, req resource.ModifyPlanRequest, about Subject, takes string, diags *diag.Diagnostics) {
	if LoadPrivate[bool](ctx, req.Private, importedKey, diags) == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Imported %s will be destroyed", about), fmt.Sprintf("It existed on the host before it was imported. The destroy %s. "+
		"To keep it, remove it only from the state: replace its resource block with removed { from = ADDRESS, lifecycle { destroy = false } }, or run terraform state rm ADDRESS (tofu state rm ADDRESS).", takes))
}
