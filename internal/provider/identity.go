package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// identity names the attributes that identify a resource. Its id, and the string that imports it,
// is their values with a slash between.
type identity []string

func (i identity) schema() identityschema.Schema {
	attributes := map[string]identityschema.Attribute{}
	for _, name := range i {
		attributes[name] = identityschema.StringAttribute{Description: fmt.Sprintf("The resource's `%s`.", name), RequiredForImport: true}
	}
	return identityschema.Schema{Attributes: attributes}
}

// set writes the values into the resource's identity. Without one, before Terraform and OpenTofu
// 1.12, there is nothing to write.
func (i identity) set(ctx context.Context, to *tfsdk.ResourceIdentity, values ...types.String) diag.Diagnostics {
	var diags diag.Diagnostics
	if to == nil {
		return diags
	}
	for n, name := range i {
		diags.Append(to.SetAttribute(ctx, path.Root(name), values[n])...)
	}
	return diags
}

// importState puts what identifies the resource into a state that Read completes, and into its
// identity, which the framework asks for even where Read then finds nothing.
func (i identity) importState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	values, diags := i.imported(ctx, req)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	for n, name := range i {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), values[n])...)
		if resp.Identity != nil {
			resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root(name), values[n])...)
		}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), strings.Join(values, "/"))...)
}

// imported reads the values from the string or the identity that the user gave.
func (i identity) imported(ctx context.Context, req resource.ImportStateRequest) ([]string, diag.Diagnostics) {
	var diags diag.Diagnostics
	if req.ID != "" {
		values := strings.SplitN(req.ID, "/", len(i))
		if len(values) != len(i) || containsEmpty(values) {
			diags.AddError("Invalid import id", fmt.Sprintf("%q is not of the form %s.", req.ID, strings.Join(i, "/")))
		}
		return values, diags
	}
	values := make([]string, len(i))
	for n, name := range i {
		diags.Append(req.Identity.GetAttribute(ctx, path.Root(name), &values[n])...)
	}
	return values, diags
}

func containsEmpty(values []string) bool {
	for _, v := range values {
		if v == "" {
			return true
		}
	}
	return false
}
