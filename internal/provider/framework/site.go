package framework

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
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

func listed(names []string) string {
	if len(names) == 0 {
		return ", for it has none beside its uri: add it to hosts of the provider block"
	}
	return ", which are " + strings.Join(names, ", ")
}

// Placement is the part of a model that says on which host the object is.
type Placement struct {
	Host types.String `tfsdk:"host"`
}

// HostDescription is what documentation says of host.
const HostDescription = "Host that it lies on, by its name in the provider's `hosts`. Default: the host of the provider's `uri`."

// HostAttribute is the host of a resource.
var HostAttribute = schema.StringAttribute{
	MarkdownDescription: HostDescription + " A change replaces the resource.",
	Optional:            true,
	PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	Validators:          []validator.String{HostName},
}

// RootReference is the id of the TFTP root that something lies below. Whether it names the host makes no
// difference.
func RootReference() schema.StringAttribute {
	attribute := ReplacingString("The `id` of the `netboot_tftp_root`.", Rule{What: "tftp_root", Check: checkRootID})
	attribute.PlanModifiers = []planmodifier.String{stringplanmodifier.RequiresReplaceIf(
		func(ctx context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
			var p Placement
			resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("host"), &p.Host)...)
			resp.RequiresReplace = req.PlanValue.IsUnknown() || p.Local(req.PlanValue) != p.Local(req.StateValue)
		}, "Another root replaces the resource.", "Another root replaces the resource.")}
	return attribute
}

// checkRootID tells an id from the path that a network has.
func checkRootID(value string) error {
	if strings.HasPrefix(value, "/") {
		return fmt.Errorf("%q is a path, as netboot_network has it; write the id of the netboot_tftp_root, as in tftp_root = netboot_tftp_root.NAME.id", value)
	}
	return CheckObjectName(value)
}

// separator stands between a host's name and what an object is called there.
const separator = ":"

// Qualified is the id of what is called so on its host.
func (p Placement) Qualified(id string) string {
	if host := p.Host.ValueString(); host != "" {
		return host + separator + id
	}
	return id
}

// QualifiedName is the id of what has no more than a name, as far as that is known.
func (p Placement) QualifiedName(name types.String) types.String {
	if name.IsUnknown() || p.Host.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(p.Qualified(name.ValueString()))
}

// Local is what an object of the same host is called there, by its id.
func (p Placement) Local(id types.String) string {
	return strings.TrimPrefix(id.ValueString(), p.Qualified(""))
}

// CheckReference refuses references to what lies on another host, as far as their ids tell.
func (d Data) CheckReference(p Placement, id types.String, at path.Path, diags *diag.Diagnostics) {
	host, _, isQualified := strings.Cut(id.ValueString(), separator)
	if !isQualified || d.Sites[host] == nil || host == p.Host.ValueString() || p.Host.IsUnknown() {
		return
	}
	diags.AddAttributeError(at, "Another host",
		Sentence(Within(at, fmt.Errorf("%q lies on the host %q, and this resource on %s; set host = %q, or use what lies on the same host", id.ValueString(), host, p.where(), host))))
}

func (p Placement) where() string {
	if host := p.Host.ValueString(); host != "" {
		return fmt.Sprintf("%q", host)
	}
	return "the default one"
}

// VolumeID is the id of the volume at a path; a file that is in no pool has its path for one, so
// that a plan shows what is there.
func VolumeID(ctx context.Context, host interface {
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
}, p Placement, path string) (string, error) {
	pool, name, err := host.VolumeAt(ctx, path)
	switch {
	case err == nil:
		return p.Qualified(pool + "/" + name), nil
	case IsNotFound(err):
		return path, nil
	default:
		return "", err
	}
}
