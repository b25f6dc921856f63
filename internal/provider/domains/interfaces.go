package domains

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type interfaceModel struct {
	Network types.String       `tfsdk:"network"`
	Bridge  types.String       `tfsdk:"bridge"`
	MAC     hwtypes.MACAddress `tfsdk:"mac"`
	Model   types.String       `tfsdk:"model"`
	MTU     types.Int64        `tfsdk:"mtu"`
	VLAN    types.Int64        `tfsdk:"vlan"`
	Link    types.String       `tfsdk:"link"`
	Boot    types.Bool         `tfsdk:"boot"`
}

var interfaceType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"network": types.StringType,
	"bridge":  types.StringType,
	"mac":     hwtypes.MACAddressType{},
	"model":   types.StringType,
	"mtu":     types.Int64Type,
	"vlan":    types.Int64Type,
	"link":    types.StringType,
	"boot":    types.BoolType,
}}

const (
	linkUp   = "up"
	linkDown = "down"
)

func interfaceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"network": schema.StringAttribute{
			MarkdownDescription: "Name of the libvirt network that it is on.",
			Optional:            true,
			Validators:          []validator.String{framework.ObjectName},
		},
		"bridge": schema.StringAttribute{
			MarkdownDescription: "Name of the host's bridge that it is on, instead of a network.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 15), framework.ObjectName},
		},
		"mac": schema.StringAttribute{
			MarkdownDescription: "MAC address. Default: one that follows from the domain's name, known at plan and always the same.",
			CustomType:          hwtypes.MACAddressType{},
			Optional:            true,
			Computed:            true,
		},
		"model": schema.StringAttribute{
			MarkdownDescription: "Model of the adapter. Default: `virtio`, which is what s390x guests can have.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("virtio"),
			Validators:          []validator.String{qemuName},
		},
		"mtu": schema.Int64Attribute{
			MarkdownDescription: "MTU that the guest is told. Default: the network's.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(68, 65535)},
		},
		"vlan": schema.Int64Attribute{
			MarkdownDescription: "Tag of the VLAN that it is in. libvirt takes it only on a network of Open vSwitch.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, 4094), int64validator.AlsoRequires(path.MatchRelative().AtParent().AtName("network"))},
		},
		"link": schema.StringAttribute{
			MarkdownDescription: "Whether its cable is plugged in: `up` or `down`. Default: `up`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(linkUp),
			Validators:          []validator.String{stringvalidator.OneOf(linkUp, linkDown)},
		},
		"boot": bootsAttribute("Whether the guest boots from it where `boot` has `network`; of several, from the first."),
	}
}

func (m domainModel) interfaces(ctx context.Context, diags *diag.Diagnostics) []virt.Interface {
	var models []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &models, false)...)
	return framework.Each(models, func(i interfaceModel) virt.Interface {
		return virt.Interface{
			Network: i.Network.ValueString(),
			Bridge:  i.Bridge.ValueString(),
			MAC:     netboot.CanonicalMAC(i.MAC.ValueString()),
			Model:   i.Model.ValueString(),
			MTU:     uint(i.MTU.ValueInt64()),
			VLAN:    uint(i.VLAN.ValueInt64()),
			Down:    i.Link.ValueString() == linkDown,
			NoBoot:  !i.Boot.ValueBool(),
		}
	})
}

// fromInterfaces takes over the interfaces. Whether one boots shows only where interfaces do.
func (m *domainModel) fromInterfaces(ctx context.Context, d virt.Domain, diags *diag.Diagnostics) {
	var before []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &before, false)...)
	m.Interfaces = framework.ListFrom(ctx, interfaceType, framework.Each(d.Interfaces, func(nic virt.Interface) interfaceModel {
		read := interfaceModel{
			framework.Optional(nic.Network), framework.Optional(nic.Bridge), hwtypes.NewMACAddressValue(nic.MAC), types.StringValue(nic.Model),
			framework.OptionalNumber(nic.MTU), framework.OptionalNumber(nic.VLAN), types.StringValue(linkUp), types.BoolValue(!nic.NoBoot && !bootsNothing(d)),
		}
		if nic.Down {
			read.Link = types.StringValue(linkDown)
		}
		at := slices.IndexFunc(before, func(b interfaceModel) bool { return netboot.CanonicalMAC(b.MAC.ValueString()) == nic.MAC })
		if at >= 0 && !slices.Contains(d.Boot, virt.BootNetwork) {
			read.Boot = before[at].Boot
		}
		return read
	}), diags)
}

// changeOfInterfaces is how interfaces get from one list to another: they come and go while the guest
// runs, are plugged elsewhere, and their links go up and down.
func changeOfInterfaces(ctx context.Context, plan, state domainModel) change {
	return changeOfDevices(ctx, state.Interfaces, plan.Interfaces, func(from, to interfaceModel) (same bool, how change) {
		if netboot.CanonicalMAC(from.MAC.ValueString()) != netboot.CanonicalMAC(to.MAC.ValueString()) {
			return false, 0
		}
		plugged := from
		plugged.Network, plugged.Bridge, plugged.Link, plugged.MAC = to.Network, to.Bridge, to.Link, to.MAC
		from.MAC = to.MAC
		switch {
		case from == to:
			return true, unchanged
		case plugged == to:
			return true, madeLive
		default:
			return true, needsRestart
		}
	})
}
