package framework

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Listing lists the objects on the host that a resource can import.
type Listing[H Connection] struct {
	Scope[H]
	resource.ResourceWithConfigure
	Identity Identity
	Schema   schema.Schema
	// Find returns the values of the identity of each object. within is the value of the one attribute that the schema may
	// have in addition to host; it is empty if the user does not set it.
	Find func(ctx context.Context, h H, within string) ([][]string, error)
}

// Metadata names the resource that is listed.
func (l *Listing[H]) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	l.ResourceWithConfigure.Metadata(ctx, req, resp)
}

// Configure passes the settings of the provider block to the listing and to the resource.
func (l *Listing[H]) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.configure(req.ProviderData)
	l.ResourceWithConfigure.Configure(ctx, req, resp)
}

// ListResourceConfigSchema implements list.ListResource.
func (l *Listing[H]) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = l.Schema
}

// List implements list.ListResource.
func (l *Listing[H]) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	var p Placement
	var within types.String
	for attribute := range l.Schema.Attributes {
		to := &within
		if attribute == "host" {
			to = &p.Host
		}
		diags.Append(req.Config.GetAttribute(ctx, path.Root(attribute), to)...)
	}
	scope := l.On(p, &diags)
	found, err := l.Find(ctx, scope.Host, p.Local(within))
	if err != nil {
		Fail(&diags, path.Empty(), "list", Subject{Kind: "host", ID: scope.Host.URI()}, err)
	}
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	if req.Limit > 0 {
		found = found[:min(int64(len(found)), req.Limit)]
	}
	stream.Results = func(push func(list.ListResult) bool) {
		for _, values := range found {
			if !push(l.result(ctx, req, p, values)) {
				return
			}
		}
	}
}

// result is an object. If the whole resource is requested, it includes the state that an import would give.
func (l *Listing[H]) result(ctx context.Context, req list.ListRequest, p Placement, values []string) list.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = p.Qualified(strings.Join(values, "/"))
	result.Diagnostics.Append(l.Identity.Set(ctx, result.Identity, p, Each(values, types.StringValue)...)...)
	if !req.IncludeResource {
		return result
	}
	state := tfsdk.State{Raw: result.Resource.Raw, Schema: result.Resource.Schema}
	result.Diagnostics.Append(l.Identity.Begin(ctx, &state, p, values)...)
	read := resource.ReadResponse{State: state}
	read.Private = newOf(read.Private) // Read writes to it; it is not used
	l.Read(ctx, resource.ReadRequest{State: state}, &read)
	result.Diagnostics.Append(read.Diagnostics...)
	result.Resource.Raw = read.State.Raw
	return result
}

// newOf makes a value of a type that this package cannot name.
func newOf[T any](*T) *T { return new(T) }

var listedHost = schema.StringAttribute{MarkdownDescription: HostDescription, Optional: true}

// ListSchema is the schema for a list of objects on a host.
func ListSchema(what string) schema.Schema {
	return schema.Schema{MarkdownDescription: what, Attributes: map[string]schema.Attribute{"host": listedHost}}
}

// ListSchemaWithin is the schema for a list of objects in a container, such as a pool.
func ListSchemaWithin(attribute, what string) schema.Schema {
	return schema.Schema{
		MarkdownDescription: what,
		Attributes: map[string]schema.Attribute{
			"host":    listedHost,
			attribute: schema.StringAttribute{MarkdownDescription: "Only objects in this one are listed. Default: the objects in all.", Optional: true},
		},
	}
}

// ListByName are the identities of objects that are identified by their name only.
func ListByName(names []string) [][]string {
	return Each(names, func(name string) []string { return []string{name} })
}

// ListBelow finds the objects in a pool of a TFTP root, or of every TFTP root if within is empty. name returns the name of
// the object to which a file belongs, or "".
func ListBelow(ctx context.Context, h interface {
	PoolNames(ctx context.Context) ([]string, error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
}, within string, pool, name func(string) string) ([][]string, error) {
	roots := []string{within}
	if within == "" {
		pools, err := h.PoolNames(ctx)
		if err != nil {
			return nil, err
		}
		roots = tftproot.Roots(pools)
	}
	var found [][]string
	for _, root := range roots {
		files, err := h.VolumeNames(ctx, pool(root))
		if within == "" && IsNotFound(err) {
			continue // not every TFTP root has every directory
		}
		if err != nil {
			return nil, err
		}
		var names []string
		for _, file := range files {
			if n := name(file); n != "" {
				names = append(names, n)
			}
		}
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			found = append(found, []string{root, n})
		}
	}
	return found, nil
}
