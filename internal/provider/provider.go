// Package provider is the provider that Terraform and OpenTofu start: the settings of the provider block, and the lists of
// its resources, data sources, actions and functions.
//
// Each resource has its own package below this one. What these packages share is in package framework.
package provider

import (
	"cmp"
	"context"
	"os"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/functions"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/grubconfigs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/hosts"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/images"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/networks"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/pxelinuxconfigs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/tftproots"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/volumes"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// defaultURI is libvirt's own name for the system daemon of this machine.
const defaultURI = "qemu:///system"

// New makes the provider that main serves.
func New(version string) func() provider.Provider {
	return newWith(version, openHost)
}

// openHost opens a libvirt host. If logging is enabled, its calls are logged.
func openHost(uri string) (host, error) {
	h, err := virt.Open(uri)
	if err != nil {
		return nil, err
	}
	if framework.Logs() {
		h.Observe(framework.LogHost)
	}
	return h, nil
}

// newWith makes a provider that opens its hosts with open. Tests use hosts in memory.
func newWith(version string, open func(uri string) (host, error)) func() provider.Provider {
	return func() provider.Provider { return &netbootProvider{version: version, open: open} }
}

type netbootProvider struct {
	version string
	open    func(uri string) (host, error)
}

type providerModel struct {
	URI           types.String `tfsdk:"uri"`
	Hosts         types.Map    `tfsdk:"hosts"`
	ConsoleLogDir types.String `tfsdk:"console_log_dir"`
}

func (p *netbootProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "netboot"
	resp.Version = p.version
}

func (p *netbootProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Netboots KVM guests, primarily on s390x, and manages everything through libvirt: TFTP roots, boot images, pxelinux configurations, networks, volumes and guests.",
		Attributes: map[string]schema.Attribute{
			"uri": schema.StringAttribute{
				MarkdownDescription: "libvirt URI of the host, such as `qemu:///system`, `qemu+tcp://host/system`, `qemu+tls://host/system` or `qemu+ssh://user@host/system`, optionally with libvirt's parameters ([list of all parameters](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/hosts-and-transports)). " +
					"Default: the environment variable `LIBVIRT_DEFAULT_URI`, or `qemu:///system` if it is not set. The provider connects when the first resource needs the host.",
				Optional: true,
			},
			"hosts": schema.MapNestedAttribute{
				MarkdownDescription: "More libvirt hosts, by names of your choice. A resource is on one of these hosts if its `host` is set to the name. Its `id` then begins with this name and a colon. A host that cannot be reached affects only the resources on it.",
				Optional:            true,
				Validators:          []validator.Map{mapvalidator.KeysAre(framework.HostName)},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"uri": schema.StringAttribute{MarkdownDescription: "libvirt URI of the host.", Required: true},
				}},
			},
			"console_log_dir": schema.StringAttribute{
				MarkdownDescription: "Directory on the machine that runs Terraform. It is created if it does not exist. The provider writes every console that it watches to a file in this directory while the guest boots: to `<guest>.log`, or to `<host>:<guest>.log` for a guest with `host`. Use `tail -f` to follow a long boot.",
				Optional:            true,
			},
		},
	}
}

func (p *netbootProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	data := framework.Data{ConsoleLogDir: config.ConsoleLogDir.ValueString(), Sites: map[string]*framework.Site{}}
	if data.Default = p.site(orDefault(config.URI), path.Root("uri"), &resp.Diagnostics); data.Default == nil {
		return
	}
	p.openSites(ctx, config.Hosts, data.Sites, &resp.Diagnostics)
	if len(data.Sites) > 0 {
		data.Downloads = &image.Downloads{}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.ActionData = data
	resp.ListResourceData = data
}

// orDefault is the URI in the provider block, or the URI to which libvirt's own tools connect if there is none.
func orDefault(uri types.String) types.String {
	if uri.IsUnknown() {
		return uri
	}
	return types.StringValue(cmp.Or(uri.ValueString(), os.Getenv("LIBVIRT_DEFAULT_URI"), defaultURI))
}

// site is the host of a URI; nil if the URI cannot be used.
func (p *netbootProvider) site(uri types.String, at path.Path, diags *diag.Diagnostics) *framework.Site {
	if uri.IsUnknown() {
		diags.AddAttributeError(at, "Unknown libvirt URI",
			"The provider needs the URI before it can plan, but this URI is known only after apply. The provider does not use a default instead, because that might be another host. "+
				"Apply what the URI depends on first (-target), or set the URI by a variable or by the environment variable LIBVIRT_DEFAULT_URI.")
		return nil
	}
	host, err := p.open(uri.ValueString())
	if err != nil {
		diags.AddAttributeError(at, "Invalid libvirt URI", framework.Sentence(framework.Within(at, err)))
		return nil
	}
	return framework.NewSite(host)
}

// openSites fills in the hosts by name.
func (p *netbootProvider) openSites(ctx context.Context, hosts types.Map, sites map[string]*framework.Site, diags *diag.Diagnostics) {
	if hosts.IsUnknown() {
		diags.AddAttributeError(path.Root("hosts"), "Unknown hosts",
			"The provider needs its hosts before it can plan, but these hosts are known only after apply. Apply what they depend on first (-target), or set them by a variable.")
		return
	}
	var given map[string]types.Object
	diags.Append(hosts.ElementsAs(ctx, &given, false)...)
	for name, h := range given {
		at := path.Root("hosts").AtMapKey(name)
		uri, _ := h.Attributes()["uri"].(types.String)
		if h.IsUnknown() {
			uri = types.StringUnknown()
		}
		sites[name] = p.site(uri, at.AtName("uri"), diags)
	}
}

func (p *netbootProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		tftproots.NewResource,
		images.NewResource,
		pxelinuxconfigs.NewResource,
		grubconfigs.NewResource,
		networks.NewResource,
		volumes.NewResource,
		domains.NewResource,
	}
}

func (p *netbootProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		hosts.NewDataSource,
		networks.NewDataSource,
		volumes.NewDataSource,
		domains.NewDataSource,
		domains.NewConsoleDataSource,
	}
}

func (p *netbootProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{domains.NewPowerAction, domains.NewReinstallAction, domains.NewExecAction, domains.NewSnapshotAction}
}

func (p *netbootProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		tftproots.NewList,
		images.NewList,
		pxelinuxconfigs.NewList,
		grubconfigs.NewList,
		networks.NewList,
		volumes.NewList,
		domains.NewList,
	}
}

func (p *netbootProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		functions.NewMAC,
		functions.NewPxelinuxFileName,
		functions.NewPxelinuxRender,
		functions.NewPxelinuxParse,
		functions.NewINSParse,
	}
}
