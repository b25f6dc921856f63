// Package framework has what all resources share on Terraform's side: the hosts that they are on, values, sizes, validators,
// diagnostics, identity, private state and timeouts.
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

// Scope is what a resource, a data source or an action works with: the provider's data, and the host that it is on. H are
// the methods that it asks of a host.
type Scope[H Connection] struct {
	Data
	*Site
	Host H
}

// NewScope is on the default host. It fails where that has not the methods of H, which newWith rules out.
func NewScope[H Connection](data Data) Scope[H] {
	return Scope[H]{data, data.Default, data.Default.host.(H)} //nolint:forcetypeassert // provider.host has the methods of all
}

// On is the same for what lies on another host.
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
		fmt.Sprintf("%q is none of the provider's hosts%s.", name, listed(slices.Sorted(maps.Keys(s.Sites)))))
	return s
}

// configure fills in a scope from what the framework passes on. Before the provider is configured, in
// validate, that is nothing.
func (s *Scope[H]) configure(providerData any) {
	if data, ok := providerData.(Data); ok {
		*s = NewScope[H](data)
	}
}

// Resource is the base of a resource.
type Resource[H Connection] struct{ Scope[H] }

// On is the same for what lies on another host.
func (r Resource[H]) On(p Placement, diags *diag.Diagnostics) Resource[H] {
	return Resource[H]{r.Scope.On(p, diags)}
}

// Configure gives the resource what the provider block says.
func (r *Resource[H]) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.configure(req.ProviderData)
}

// DataSource is the base of a data source.
type DataSource[H Connection] struct{ Scope[H] }

// On is the same for what lies on another host.
func (d DataSource[H]) On(p Placement, diags *diag.Diagnostics) DataSource[H] {
	return DataSource[H]{d.Scope.On(p, diags)}
}

// Configure gives the data source what the provider block says.
func (d *DataSource[H]) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.configure(req.ProviderData)
}

// Action is the base of an action.
type Action[H Connection] struct{ Scope[H] }

// On is the same for what lies on another host.
func (a Action[H]) On(p Placement, diags *diag.Diagnostics) Action[H] {
	return Action[H]{a.Scope.On(p, diags)}
}

// Configure gives the action what the provider block says.
func (a *Action[H]) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.configure(req.ProviderData)
}
