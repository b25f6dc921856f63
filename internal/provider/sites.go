package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"golang.org/x/sync/semaphore"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// Data is what the provider block says.
type Data struct {
	Default       *Site
	Sites         map[string]*Site // by the names that the provider's hosts have
	ConsoleLogDir string           // empty for none
	Downloads     *image.Downloads // that several hosts need at once; nil where there is one
}

// Site is a libvirt host, and what this run knows of it.
type Site struct {
	host       Connection
	Claims     *bootfiles.Claims
	Plans      *netboot.Plans
	PoolMaking *semaphore.Weighted // held while a pool is made that several volumes need
}

// Connection is a host, as all who are on it see it.
type Connection interface {
	URI() string // without a password
}

// NewSite is a host of which nothing is known yet.
func NewSite(host Connection) *Site {
	return &Site{host: host, Claims: &bootfiles.Claims{}, Plans: &netboot.Plans{}, PoolMaking: semaphore.NewWeighted(1)}
}

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
func (s Scope[H]) On(p placed, diags *diag.Diagnostics) Scope[H] {
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
func (r Resource[H]) On(p placed, diags *diag.Diagnostics) Resource[H] {
	return Resource[H]{r.Scope.On(p, diags)}
}

// Configure gives the resource what the provider block says.
func (r *Resource[H]) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	r.configure(req.ProviderData)
}

// DataSource is the base of a data source.
type DataSource[H Connection] struct{ Scope[H] }

// On is the same for what lies on another host.
func (d DataSource[H]) On(p placed, diags *diag.Diagnostics) DataSource[H] {
	return DataSource[H]{d.Scope.On(p, diags)}
}

// Configure gives the data source what the provider block says.
func (d *DataSource[H]) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.configure(req.ProviderData)
}

// Action is the base of an action.
type Action[H Connection] struct{ Scope[H] }

// On is the same for what lies on another host.
func (a Action[H]) On(p placed, diags *diag.Diagnostics) Action[H] {
	return Action[H]{a.Scope.On(p, diags)}
}

// Configure gives the action what the provider block says.
func (a *Action[H]) Configure(_ context.Context, req action.ConfigureRequest, _ *action.ConfigureResponse) {
	a.configure(req.ProviderData)
}

func listed(names []string) string {
	if len(names) == 0 {
		return ", for it has none beside its uri: add it to hosts of the provider block"
	}
	return ", which are " + strings.Join(names, ", ")
}

// placed is the part of a model that says on which host the object is.
type placed struct {
	Host types.String `tfsdk:"host"`
}

const hostDescription = "Host that it lies on, by its name in the provider's `hosts`. Default: the host of the provider's `uri`."

var hostAttribute = schema.StringAttribute{
	MarkdownDescription: hostDescription + " A change replaces the resource.",
	Optional:            true,
	PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	Validators:          []validator.String{hostName},
}

// rootReference is the id of the TFTP root that something lies below. Whether it names the host makes no
// difference.
func rootReference() schema.StringAttribute {
	attribute := replacingString("The `id` of the `netboot_tftp_root`.", objectName)
	attribute.PlanModifiers = []planmodifier.String{stringplanmodifier.RequiresReplaceIf(
		func(ctx context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			var p placed
			resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("host"), &p.Host)...)
			resp.RequiresReplace = req.PlanValue.IsUnknown() || p.local(req.PlanValue) != p.local(req.StateValue)
		}, "Another root replaces the resource.", "Another root replaces the resource.")}
	return attribute
}

// separator stands between a host's name and what an object is called there.
const separator = ":"

// qualified is the id of what is called so on its host.
func (p placed) qualified(id string) string {
	if host := p.Host.ValueString(); host != "" {
		return host + separator + id
	}
	return id
}

// qualifiedName is the id of what has no more than a name, as far as that is known.
func (p placed) qualifiedName(name types.String) types.String {
	if name.IsUnknown() || p.Host.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(p.qualified(name.ValueString()))
}

// local is what an object of the same host is called there, by its id.
func (p placed) local(id types.String) string {
	return strings.TrimPrefix(id.ValueString(), p.qualified(""))
}

// checkReference refuses references to what lies on another host, as far as their ids tell.
func (d Data) checkReference(p placed, id types.String, at path.Path, diags *diag.Diagnostics) {
	host, _, isQualified := strings.Cut(id.ValueString(), separator)
	if !isQualified || d.Sites[host] == nil || host == p.Host.ValueString() || p.Host.IsUnknown() {
		return
	}
	diags.AddAttributeError(at, "Another host",
		sentence(within(at, fmt.Errorf("%q lies on the host %q, and this resource on %s; set host = %q, or use what lies on the same host", id.ValueString(), host, p.where(), host))))
}

func (p placed) where() string {
	if host := p.Host.ValueString(); host != "" {
		return fmt.Sprintf("%q", host)
	}
	return "the default one"
}

// volumeID is the id of the volume at a path; a file that is in no pool has its path for one, so
// that a plan shows what is there.
func volumeID(ctx context.Context, host interface {
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
}, p placed, path string) (string, error) {
	pool, name, err := host.VolumeAt(ctx, path)
	switch {
	case err == nil:
		return p.qualified(pool + "/" + name), nil
	case isNotFound(err):
		return path, nil
	default:
		return "", err
	}
}
