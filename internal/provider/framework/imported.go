package framework

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// importedKey is where a resource remembers that it was imported.
const importedKey = "imported"

// NoteImport remembers that a resource was there before Terraform.
func NoteImport(ctx context.Context, private PrivateWriter, diags *diag.Diagnostics) {
	imported := true
	SavePrivate(ctx, private, importedKey, &imported, diags)
}

// WarnImported says at the plan of a destroy what it takes away for good of what was there before Terraform, and how to keep it.
func WarnImported(ctx context.Context, req resource.ModifyPlanRequest, about Subject, takes string, diags *diag.Diagnostics) {
	if LoadPrivate[bool](ctx, req.Private, importedKey, diags) == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Imported %s will be destroyed", about), fmt.Sprintf("It was on the host before it was imported. The destroy %s. "+
		"To keep it, remove it from the state only: replace its resource block with removed { from = ADDRESS, lifecycle { destroy = false } }, or run terraform state rm ADDRESS (tofu state rm ADDRESS).", takes))
}
