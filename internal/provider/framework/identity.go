package framework

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Identity names the attributes that identify a resource on its host. The id of the resource, which is also its import
// string, is the name of the host, followed by the values of these attributes, separated by slashes.
type Identity []string

func (i Identity) Schema() identityschema.Schema {
	attributes := map[string]identityschema.Attribute{
		"host": identityschema.StringAttribute{Description: "The resource's `host`.", OptionalForImport: true},
	}
	for _, name := range i {
		attributes[name] = identityschema.StringAttribute{Description: fmt.Sprintf("The resource's `%s`.", name), RequiredForImport: true}
	}
	return identityschema.Schema{Attributes: attributes}
}

// Set writes the values into the resource's identity. A CLI before 1.12 ignores it. The Read that a query calls has none.
func (i Identity) Set(ctx context.Context, to *tfsdk.ResourceIdentity, p Placement, values ...types.String) diag.Diagnostics {
	if to == nil {
		return nil
	}
	diags := to.SetAttribute(ctx, path.Root("host"), p.Host)
	for n, name := range i {
		diags.Append(to.SetAttribute(ctx, path.Root(name), p.Local(values[n]))...)
	}
	return diags
}

// Keep sets the identity in the answer to a Read from the state. Set replaces it if the resource is found. A CLI before
// 1.12 stores no identity in its state, but the framework demands one in every answer, even if the resource no longer exists
// (terraform-plugin-framework, internal/fwserver/server_readresource.go).
func (i Identity) Keep(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	if resp.Identity == nil || !resp.Identity.Raw.IsFullyNull() {
		return
	}
	p, values := i.valuesIn(ctx, req.State, &resp.Diagnostics)
	resp.Diagnostics.Append(i.Set(ctx, resp.Identity, p, values...)...)
}

// valuesIn are the host and the values of the identity that a state has.
func (i Identity) valuesIn(ctx context.Context, state tfsdk.State, diags *diag.Diagnostics) (p Placement, values []types.String) {
	diags.Append(state.GetAttribute(ctx, path.Root("host"), &p.Host)...)
	values = make([]types.String, len(i))
	for n, name := range i {
		diags.Append(state.GetAttribute(ctx, path.Root(name), &values[n])...)
	}
	return p, values
}

// Import writes what identifies the resource into a state that Read completes, and into the identity, which the framework
// demands even if Read then finds nothing.
func (i Identity) Import(ctx context.Context, sites map[string]*Site, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	p, values, diags := i.imported(ctx, sites, req)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(i.Begin(ctx, &resp.State, p, values)...)
	resp.Diagnostics.Append(i.Set(ctx, resp.Identity, p, Each(values, types.StringValue)...)...)
}

// ImportByUUID is Import for objects that have a UUID. It accepts the UUID instead of the name, as virsh and other providers
// do: find returns the name of the object with this UUID on a host.
func ImportByUUID[H Connection](ctx context.Context, i Identity, s Scope[H], find func(H, context.Context, string) (string, error),
	req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	p, id := placed(req.ID, s.Sites)
	if uuid.Validate(id) == nil {
		ctx, cancel := context.WithTimeout(ctx, CallTimeout)
		defer cancel()
		switch name, err := find(s.On(p, &resp.Diagnostics).Host, ctx, id); {
		case err == nil:
			req.ID = p.Qualified(name)
		case !IsNotFound(err): // without such a UUID, it may be a name that looks like one
			Fail(&resp.Diagnostics, path.Empty(), "import", Subject{Kind: "UUID", ID: req.ID}, err)
			return
		}
	}
	i.Import(ctx, s.Sites, req, resp)
}

// placed splits an id that a user gives into the host and the name on that host.
func placed(id string, sites map[string]*Site) (p Placement, local string) {
	if host, rest, isQualified := strings.Cut(id, separator); isQualified && sites[host] != nil {
		return Placement{Host: types.StringValue(host)}, rest
	}
	return Placement{}, id
}

// Begin writes a state with only what identifies the resource.
func (i Identity) Begin(ctx context.Context, state *tfsdk.State, p Placement, values []string) diag.Diagnostics {
	diags := state.SetAttribute(ctx, path.Root("host"), p.Host)
	diags.Append(state.SetAttribute(ctx, path.Root("id"), p.Qualified(strings.Join(values, "/")))...)
	for n, name := range i {
		value := values[n]
		if name == "tftp_root" { // an id, which includes the host
			value = p.Qualified(value)
		}
		diags.Append(state.SetAttribute(ctx, path.Root(name), value)...)
	}
	return diags
}

// imported reads the host and the values from the string or the identity that the user gave.
func (i Identity) imported(ctx context.Context, sites map[string]*Site, req resource.ImportStateRequest) (p Placement, values []string, diags diag.Diagnostics) {
	if req.ID != "" {
		var rest string
		p, rest = placed(req.ID, sites)
		values = strings.SplitN(rest, "/", len(i))
		if len(values) != len(i) || slices.Contains(values, "") {
			diags.AddError("Invalid import id", fmt.Sprintf("%q is not of the form %s.", req.ID, strings.Join(i, "/")))
		}
		return p, values, diags
	}
	diags.Append(req.Identity.GetAttribute(ctx, path.Root("host"), &p.Host)...)
	values = make([]string, len(i))
	for n, name := range i {
		var value types.String
		diags.Append(req.Identity.GetAttribute(ctx, path.Root(name), &value)...)
		values[n] = p.Local(value)
	}
	return p, values, diags
}
