package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// site is a libvirt host, and what this run knows of it.
type site struct {
	host       host
	claims     *bootfiles.Claims
	plans      *netboot.Plans
	poolMaking *sync.Mutex
}

func newSite(h host) *site {
	return &site{host: h, claims: &bootfiles.Claims{}, plans: &netboot.Plans{}, poolMaking: &sync.Mutex{}}
}

// configured is what every resource gets: the default host, or by on another one, and what else the
// provider block says.
type configured struct {
	*site
	sites         map[string]*site // by the names that the provider's hosts have
	consoleLogDir string
	downloads     *image.Downloads // that several hosts need at once; nil where there is one
}

// on is the same for what lies on another host.
func (c configured) on(p placed, diags *diag.Diagnostics) configured {
	name := p.Host.ValueString()
	if name == "" {
		return c
	}
	if known := c.sites[name]; known != nil {
		c.site = known
		return c
	}
	diags.AddAttributeError(path.Root("host"), "Unknown host",
		fmt.Sprintf("%q is none of the provider's hosts%s.", name, listed(slices.Sorted(maps.Keys(c.sites)))))
	return c
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
func (c configured) checkReference(p placed, id types.String, at path.Path, diags *diag.Diagnostics) {
	host, _, isQualified := strings.Cut(id.ValueString(), separator)
	if !isQualified || c.sites[host] == nil || host == p.Host.ValueString() || p.Host.IsUnknown() {
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
