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

// Data has the settings of the provider block.
type Data struct {
	Default       *Site
	Sites         map[string]*Site // by their names in the provider's hosts
	ConsoleLogDir string           // empty for none
	Downloads     *image.Downloads // shared by several hosts; nil if there is only one
}

// Site is a libvirt host, and what this run knows of it.
type Site struct {
	host       Connection
	Claims     *bootfiles.Claims
	Plans      *netboot.Plans
	Superseded *Superseded
	PoolMaking *semaphore.Weighted // held while a pool is created that several volumes need
}

// Connection has the methods of a host that everything needs.
type Connection interface {
	URI() string // without a password
}

// NewSite is a host of which nothing is known yet.
func NewSite(host Connection) *Site {
	return &Site{host: host, Claims: &bootfiles.Claims{}, Plans: &netboot.Plans{}, Superseded: &Superseded{}, PoolMaking: semaphore.NewWeighted(1)}
}

func listed(names []string) string {
	if len(names) == 0 {
		return ", because the provider block has no hosts: add the host to hosts of the provider block"
	}
	return ", which are " + strings.Join(names, ", ")
}

// Placement is the part of a model that says on which host the object is.
type Placement struct {
	Host types.String `tfsdk:"host"`
}

// HostDescription is the description of host.
const HostDescription = "Name of the libvirt host, as in the provider's `hosts`. Default: the host of the provider's `uri`."

// HostAttribute is the host of a resource.
var HostAttribute = schema.StringAttribute{
	MarkdownDescription: HostDescription + " A change replaces the resource.",
	Optional:            true,
	PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	Validators:          []validator.String{HostName},
}

// RootReference is the id of a TFTP root, with or without the name of the host.
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

// checkRootID accepts the id of a TFTP root, and refuses its path, which networks use.
func checkRootID(value string) error {
	if strings.HasPrefix(value, "/") {
		return fmt.Errorf("%q is a path, which only netboot_network uses; set the id of the netboot_tftp_root, as in tftp_root = netboot_tftp_root.NAME.id", value)
	}
	return CheckObjectName(value)
}

// separator stands between the name of a host and the name of an object on it.
const separator = ":"

// Qualified adds the name of the host to an id on that host.
func (p Placement) Qualified(id string) string {
	if host := p.Host.ValueString(); host != "" {
		return host + separator + id
	}
	return id
}

// QualifiedName is the id of an object that is identified by its name; unknown if the name or the host is not known.
func (p Placement) QualifiedName(name types.String) types.String {
	if name.IsUnknown() || p.Host.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(p.Qualified(name.ValueString()))
}

// Local removes the name of the host from the id of an object on the same host.
func (p Placement) Local(id types.String) string {
	return strings.TrimPrefix(id.ValueString(), p.Qualified(""))
}

// CheckReference refuses references to objects on another host, as far as their ids show it.
func (d Data) CheckReference(p Placement, id types.String, at path.Path, diags *diag.Diagnostics) {
	host, _, isQualified := strings.Cut(id.ValueString(), separator)
	if !isQualified || d.Sites[host] == nil || host == p.Host.ValueString() || p.Host.IsUnknown() {
		return
	}
	diags.AddAttributeError(at, "Host does not match",
		Sentence(Within(at, fmt.Errorf("%q is on the host %q, and this resource is on %s; set host = %q, or use an object on the same host", id.ValueString(), host, p.where(), host))))
}

func (p Placement) where() string {
	if host := p.Host.ValueString(); host != "" {
		return fmt.Sprintf("%q", host)
	}
	return "the default host"
}

// VolumeID is the id of the volume at a path. For a file that is not in a pool, it is the path, so that a plan shows it.
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
