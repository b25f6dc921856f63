// Package provider is the glue between Terraform and libvirt: it translates, it does not decide.
//
// One file holds one resource, always in the order model, schema, create, read, update, delete,
// then the translation to and from the packages that do the work.
package provider

import (
	"context"
	"os"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// defaultURI is libvirt's own name for the system daemon of this machine.
const defaultURI = "qemu:///system"

// New makes the provider that main serves.
func New(version string) func() provider.Provider {
	return newWith(version, func(uri string) (host, error) { return virt.Open(uri) })
}

// newWith makes a provider whose hosts open makes; tests give it hosts in memory.
func newWith(version string, open func(uri string) (host, error)) func() provider.Provider {
	return func() provider.Provider { return &netbootProvider{version: version, open: open} }
}

type netbootProvider struct {
	version string
	open    func(uri string) (host, error)
}

type providerModel struct {
	URI           types.String `tfsdk:"uri"`
	ConsoleLogDir types.String `tfsdk:"console_log_dir"`
}

// configured is what every resource gets: the host, and what else the provider block says.
type configured struct {
	host          host
	consoleLogDir string
	claims        *claims
	poolMaking    *sync.Mutex
	plans         *plans
}

func (p *netbootProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "netboot"
	resp.Version = p.version
}

func (p *netbootProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Netboots KVM guests, s390x first, through libvirt alone: TFTP roots, boot images, pxelinux configurations, networks, volumes and guests.",
		Attributes: map[string]schema.Attribute{
			"uri": schema.StringAttribute{
				MarkdownDescription: "libvirt URI of the host, such as `qemu:///system`, `qemu+tcp://host/system`, `qemu+tls://host/system` or `qemu+ssh://user@host/system`, with libvirt's own parameters. " +
					"Default: the environment's `LIBVIRT_DEFAULT_URI`, else `qemu:///system`. Nothing connects before the first resource needs it.",
				Optional: true,
			},
			"console_log_dir": schema.StringAttribute{
				MarkdownDescription: "Folder on the machine that runs Terraform, made if it is missing. Every console that the provider watches is also written there, live, one file `<guest>.log` a guest, so that `tail -f` shows a long boot.",
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
	if config.URI.IsUnknown() {
		resp.Diagnostics.AddAttributeError(path.Root("uri"), "Unknown libvirt URI",
			"The provider needs its URI before it can plan, and this one is known only after apply. It is never replaced by a default, which might be another host. "+
				"Apply what the URI depends on first (-target), or give it as a variable or by the environment's LIBVIRT_DEFAULT_URI.")
		return
	}
	uri := firstOf(config.URI.ValueString(), os.Getenv("LIBVIRT_DEFAULT_URI"), defaultURI)
	host, err := p.open(uri)
	if err != nil {
		resp.Diagnostics.AddAttributeError(path.Root("uri"), "Invalid libvirt URI", sentence(err))
		return
	}
	data := &configured{host: host, consoleLogDir: config.ConsoleLogDir.ValueString(), claims: newClaims(), poolMaking: &sync.Mutex{}, plans: &plans{}}
	resp.ResourceData = data
	resp.DataSourceData = data
	resp.ActionData = data
	resp.ListResourceData = data
}

func (p *netbootProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		newTFTPRootResource,
		newImageResource,
		newPxelinuxConfigResource,
		newNetworkResource,
		newVolumeResource,
		newDomainResource,
	}
}

func (p *netbootProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newHostDataSource,
		newNetworkDataSource,
		newVolumeDataSource,
		newDomainDataSource,
		newConsoleDataSource,
	}
}

func (p *netbootProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{newDomainPowerAction}
}

func (p *netbootProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		newMACFunction,
		newPxelinuxFileNameFunction,
		newPxelinuxRenderFunction,
		newPxelinuxParseFunction,
		newINSParseFunction,
	}
}

// Configure gives a resource what the provider block says. Before the provider is configured, in
// validate, there is nothing to give.
func (c *configured) Configure(_ context.Context, req resource.ConfigureRequest, _ *resource.ConfigureResponse) {
	if data, ok := req.ProviderData.(*configured); ok {
		*c = *data
	}
}

// firstOf is the first value that is not empty.
func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
