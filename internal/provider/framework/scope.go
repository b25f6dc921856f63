// Package framework has what all resources share on Terraform's side: hosts, values, sizes, validators, diagnostics, identity,
// private state and timeouts.
package framework

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
)

// Scope is what a resource, a data source or an action works with: the provider's data and a host. H has the methods of a
// host that it needs.
type Scope[H Connection] struct {
	Data
	*Site
	Host H
}

// NewScope is a scope on the default host. It panics if the host does not have the methods of H, which newWith rules out.
func NewScope[H Connection](data Data) Scope[H] {
	return Scope[H]{data, data.Default, data.Default.host.(H)} //nolint:forcetypeassert // provider.host has the methods of all
}

// On is the scope on another host.
func (s Scope[H]) On(p Placement, diags *diag.Diagnostics) Scope[H] {
	name := p.Host.ValueString()
	if name == "" {
		return s
	}
	if s.Sites[name] != nil {
		data := s.Data
		data.Default = s.Sites[name]
		return NewScope[H](data)
	}
	diags.AddAttributeError(path.Root("host"), "Unknown host",
		fmt.Sprintf("%q is not one of the provider's hosts%s.", name, listed(slices.Sorted(maps.Keys(s.Sites)))))
	return s
}

// configure fills in a scope from what the framework passes on. This is nil before the provider is configured, as in
// validate.
func (s *Scope[H]) configure(providerData any) {
	if data, ok := providerData.(Data); ok {
		*s = NewScope[H](data)
	}
}

// Resource is the base of a resource.
type Resource[H Connection] struct{ Scope[H] }

// On is the resource on another host.
func (r Resource[H]) On(p Placement, diags *diag.Diagnostics) Resource[H] {
	return Resource[H]{r.Scope.On(p, diags)}
}

// Configure passes the settings of the provider block to the resource.
func (r *Resource[H]) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.configure(req.ProviderData)
}

// DataSource is the base of a data source.
type DataSource[H Connection] struct{ Scope[H] }

// On is the data source on another host.
func (d DataSource[H]) On(p Placement, diags *diag.Diagnostics) DataSource[H] {
	return DataSource[H]{d.Scope.On(p, diags)}
}

// Configure passes the settings of the provider block to the data source.
func (d *DataSource[H]) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.configure(req.ProviderData)
}

// Action is the base of an action.
type Action[H Connection] struct{ Scope[H] }

// On is the action on another host.
func (a Action[H]) On(p Placement, diags *diag.Diagnostics) Action[H] {
	return Action[H]{a.Scope.On(p, diags)}
}

// Configure passes the settings of the provider block to the action.
func (a *Action[H]) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.configure(req.ProviderData)
}
