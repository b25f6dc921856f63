package provider

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

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// listing lists the objects on the host that a resource can import.
type listing struct {
	configured
	resource.ResourceWithConfigure
	identity identity
	schema   schema.Schema
	// find returns the values of the identity of each object. Within is the one attribute that the
	// schema may have, empty where the user gives none.
	find func(ctx context.Context, h host, within string) ([][]string, error)
}

// Metadata names the resource that is listed.
func (l *listing) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	l.ResourceWithConfigure.Metadata(ctx, req, resp)
}

// Configure gives it, and the resource, what the provider block says.
func (l *listing) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.configured.Configure(ctx, req, resp)
	l.ResourceWithConfigure.Configure(ctx, req, resp)
}

// ListResourceConfigSchema implements list.ListResource.
func (l *listing) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = l.schema
}

// List implements list.ListResource.
func (l *listing) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var diags diag.Diagnostics
	var p placed
	var within types.String
	for attribute := range l.schema.Attributes {
		to := &within
		if attribute == "host" {
			to = &p.Host
		}
		diags.Append(req.Config.GetAttribute(ctx, path.Root(attribute), to)...)
	}
	h := l.on(p, &diags).host
	found, err := l.find(ctx, h, p.local(within))
	if err != nil {
		fail(&diags, path.Empty(), "list", subject{"host", h.URI()}, err)
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

// result is an object, and where all of it is asked for, what an import would make of it.
func (l *listing) result(ctx context.Context, req list.ListRequest, p placed, values []string) list.ListResult {
	result := req.NewListResult(ctx)
	result.DisplayName = p.qualified(strings.Join(values, "/"))
	result.Diagnostics.Append(l.identity.set(ctx, result.Identity, p, each(values, types.StringValue)...)...)
	if !req.IncludeResource {
		return result
	}
	state := tfsdk.State{Raw: result.Resource.Raw, Schema: result.Resource.Schema}
	result.Diagnostics.Append(l.identity.begin(ctx, &state, p, values)...)
	read := resource.ReadResponse{State: state}
	read.Private = newOf(read.Private) // to write to; nobody reads it
	l.Read(ctx, resource.ReadRequest{State: state}, &read)
	result.Diagnostics.Append(read.Diagnostics...)
	result.Resource.Raw = read.State.Raw
	return result
}

// newOf makes a value of a type that has no name here.
func newOf[T any](*T) *T { return new(T) }

func (p *netbootProvider) ListResources(context.Context) []func() list.ListResource {
	described := func(what string) schema.Schema {
		return schema.Schema{MarkdownDescription: what, Attributes: map[string]schema.Attribute{"host": listedHost}}
	}
	of := func(managed resource.ResourceWithConfigure, identity identity, s schema.Schema, find func(context.Context, host, string) ([][]string, error)) func() list.ListResource {
		return func() list.ListResource {
			return &listing{ResourceWithConfigure: managed, identity: identity, schema: s, find: find}
		}
	}
	return []func() list.ListResource{
		of(&tftpRootResource{}, tftpRootIdentity, described("The TFTP roots of the host: pairs of pools as `netboot_tftp_root` makes them."), findRoots),
		of(&imageResource{}, imageIdentity, withinOne("tftp_root", "The images below a TFTP root, or below each. Files with a `file_name` of the user's choice are not among them."), findImages),
		of(&pxelinuxConfigResource{}, pxelinuxConfigIdentity, withinOne("tftp_root", "The pxelinux configurations below a TFTP root, or below each."), findConfigs),
		of(&networkResource{}, networkIdentity, described("The networks of the host."), findNetworks),
		of(&volumeResource{}, volumeIdentity, withinOne("pool", "The volumes in a pool, or in each that is started and no TFTP root."), findVolumes),
		of(&domainResource{}, domainIdentity, described("The guests of the host."), findDomains),
	}
}

var listedHost = schema.StringAttribute{MarkdownDescription: hostDescription, Optional: true}

// withinOne is the schema of objects that lie in something.
func withinOne(attribute, what string) schema.Schema {
	return schema.Schema{
		MarkdownDescription: what,
		Attributes: map[string]schema.Attribute{
			"host":    listedHost,
			attribute: schema.StringAttribute{MarkdownDescription: "The one to look into. Default: all.", Optional: true},
		},
	}
}

func findNetworks(ctx context.Context, h host, _ string) ([][]string, error) {
	names, err := h.NetworkNames(ctx)
	return alone(names), err
}

func findDomains(ctx context.Context, h host, _ string) ([][]string, error) {
	names, err := h.DomainNames(ctx)
	return alone(names), err
}

func findRoots(ctx context.Context, h host, _ string) ([][]string, error) {
	names, err := roots(ctx, h, "")
	return alone(names), err
}

func alone(names []string) [][]string {
	return each(names, func(name string) []string { return []string{name} })
}

// roots are the TFTP roots: pools beside which there is one for the configurations.
func roots(ctx context.Context, h host, within string) ([]string, error) {
	if within != "" {
		return []string{within}, nil
	}
	pools, err := h.PoolNames(ctx)
	return slices.DeleteFunc(slices.Clone(pools), func(name string) bool { return !slices.Contains(pools, tftproot.ConfigPool(name)) }), err
}

func findImages(ctx context.Context, h host, within string) ([][]string, error) {
	return below(ctx, h, within, func(root string) string { return root }, bootfiles.ImageOf)
}

func findConfigs(ctx context.Context, h host, within string) ([][]string, error) {
	return below(ctx, h, within, tftproot.ConfigPool, func(file string) string { return file })
}

// below finds what lies in a pool of a TFTP root, under the names that a file stands for; "" is none.
func below(ctx context.Context, h host, within string, pool, name func(string) string) ([][]string, error) {
	under, err := roots(ctx, h, within)
	if err != nil {
		return nil, err
	}
	var found [][]string
	for _, root := range under {
		files, err := h.VolumeNames(ctx, pool(root))
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

func findVolumes(ctx context.Context, h host, within string) ([][]string, error) {
	pools, err := volumePools(ctx, h, within)
	if err != nil {
		return nil, err
	}
	var found [][]string
	for _, pool := range pools {
		names, err := h.VolumeNames(ctx, pool)
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(slices.Values(names)) {
			found = append(found, []string{pool, name})
		}
	}
	return found, nil
}

// volumePools are the pools whose volumes can be seen and are no boot files.
func volumePools(ctx context.Context, h host, within string) ([]string, error) {
	if within != "" {
		return []string{within}, nil
	}
	names, err := h.PoolNames(ctx)
	if err != nil {
		return nil, err
	}
	serving, err := roots(ctx, h, "")
	if err != nil {
		return nil, err
	}
	var pools []string
	for _, name := range names {
		if slices.Contains(serving, name) || slices.Contains(serving, strings.TrimSuffix(name, "-"+tftproot.ConfigDir)) {
			continue
		}
		pool, err := h.Pool(ctx, name)
		if err != nil && !isNotFound(err) {
			return nil, err
		}
		if err == nil && pool.Active {
			pools = append(pools, name)
		}
	}
	return pools, nil
}
