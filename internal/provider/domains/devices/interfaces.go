package devices

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Interface is an element of the attribute interfaces.
type Interface struct {
	Network   types.String       `tfsdk:"network"`
	PortGroup types.String       `tfsdk:"portgroup"`
	Bridge    types.String       `tfsdk:"bridge"`
	Device    types.String       `tfsdk:"device"`
	Macvtap   types.String       `tfsdk:"macvtap"`
	PCI       types.String       `tfsdk:"pci"`
	MAC       hwtypes.MACAddress `tfsdk:"mac"`
	Model     types.String       `tfsdk:"model"`
	MTU       types.Int64        `tfsdk:"mtu"`
	VLAN      types.Int64        `tfsdk:"vlan"`
	Queues    types.Int64        `tfsdk:"queues"`
	TrustRx   types.Bool         `tfsdk:"trust_guest_rx_filters"`
	Link      types.String       `tfsdk:"link"`
	Boot      types.Bool         `tfsdk:"boot"`
}

// MACOn is the MAC address with its network, bridge or device, on which a MAC address must be unique. Its id is empty while one of
// them is unknown.
func (i Interface) MACOn() framework.Subject {
	return MACOn(virt.Interface{MAC: i.MAC.ValueString(), Network: i.Network.ValueString(), Bridge: i.Bridge.ValueString(), Device: i.Device.ValueString()})
}

// MACOn is the MAC address with the network, bridge or device of an interface on a host.
func MACOn(nic virt.Interface) framework.Subject {
	for kind, name := range map[string]string{"network": nic.Network, "bridge": nic.Bridge, "device": nic.Device} {
		if name != "" {
			return framework.Subject{Kind: fmt.Sprintf("MAC address on %s %s", kind, name), ID: strings.ToLower(nic.MAC)}
		}
	}
	return framework.Subject{}
}

// InterfaceType is the type of an element of the attribute interfaces.
var InterfaceType = types.ObjectType{AttrTypes: framework.TypesOf(InterfaceAttributes())}

const (
	linkUp   = "up"
	linkDown = "down"
)

const defaultModel = "virtio"

// macvtapBridge lets guests that share a device reach each other. libvirt's own default, vepa, needs a switch that sends packets back
// on the port that they came from.
const macvtapBridge = "bridge"

// InterfaceAttributes are the attributes of an interface.
func InterfaceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"network": schema.StringAttribute{
			MarkdownDescription: "Name of the libvirt network that the interface is attached to. Set exactly one of `network`, `bridge`, `device` and `pci`.",
			Optional:            true,
			Validators:          []validator.String{framework.ObjectName},
		},
		"portgroup": schema.StringAttribute{
			MarkdownDescription: "Name of a port group of `network`.",
			Optional:            true,
			Validators:          []validator.String{framework.ObjectName, stringvalidator.AlsoRequires(framework.Sibling("network"))},
		},
		"bridge": schema.StringAttribute{
			MarkdownDescription: "Name of the bridge on the host that the interface is attached to.",
			Optional:            true,
			Validators:          []validator.String{framework.Device},
		},
		"device": schema.StringAttribute{
			MarkdownDescription: "Name of the network device on the host that the guest shares with macvtap, such as `encbdf0` or `eth0`. The guest and the host cannot reach each other through it.",
			Optional:            true,
			Validators:          []validator.String{framework.Device},
		},
		"macvtap": schema.StringAttribute{
			MarkdownDescription: "How guests share `device`: `bridge` (guests can reach each other), `private` (they cannot), `vepa` (they can if the switch sends packets back on the same port) or `passthrough` (only one guest uses the device). Default: `bridge`.",
			Optional:            true,
			Computed:            true,
			Validators: []validator.String{
				stringvalidator.OneOf(macvtapBridge, "private", "vepa", "passthrough"),
				stringvalidator.AlsoRequires(framework.Sibling("device")),
			},
		},
		"pci": schema.StringAttribute{
			MarkdownDescription: "Address of a PCI function of the host that is assigned to the guest, such as a virtual function of a RoCE adapter. Use the format of `lspci -D`: `0000:01:00.1`. s390x firmware cannot boot from it.",
			Optional:            true,
			Validators:          []validator.String{pciAddress},
		},
		"mac": schema.StringAttribute{
			MarkdownDescription: "MAC address. Default: an address that is derived from the domain's name. It is known in the plan and always the same.",
			CustomType:          hwtypes.MACAddressType{},
			Optional:            true,
			Computed:            true,
			Validators:          []validator.String{framework.MACAddress},
		},
		"model": schema.StringAttribute{
			MarkdownDescription: "Model of the adapter. Default: `virtio`, the model for s390x guests; none with `pci`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(defaultModel),
			Validators:          []validator.String{framework.QEMUName},
		},
		"mtu": schema.Int64Attribute{
			MarkdownDescription: "MTU that the host announces to the guest. Default: the MTU of the network.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(68, 65535)},
		},
		"vlan": schema.Int64Attribute{
			MarkdownDescription: "VLAN tag. libvirt supports it on a network or bridge of Open vSwitch, with `pci`, and with `macvtap` `passthrough`.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, 4094)},
		},
		"queues": schema.Int64Attribute{
			MarkdownDescription: "Number of queue pairs of the adapter. Default: QEMU's default, 1.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, 256)},
		},
		"trust_guest_rx_filters": schema.BoolAttribute{
			MarkdownDescription: "Whether the host adapts when the guest changes its MAC address or joins a multicast group. With `device`, the guest can do so only if this is `true`. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
		"link": schema.StringAttribute{
			MarkdownDescription: "State of the link, as if its cable were plugged in or not: `up` or `down`. Default: `up`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(linkUp),
			Validators:          []validator.String{stringvalidator.OneOf(linkUp, linkDown)},
		},
		"boot": bootsAttribute("Whether the guest can boot from this interface if its `boot` contains `network`. The guest boots from the first such interface."),
	}
}

// Interfaces converts interfaces for package virt.
func Interfaces(ctx context.Context, list types.List, diags *diag.Diagnostics) []virt.Interface {
	var models []Interface
	diags.Append(list.ElementsAs(ctx, &models, false)...)
	return framework.Each(models, func(i Interface) virt.Interface {
		return virt.Interface{
			Network:   i.Network.ValueString(),
			PortGroup: i.PortGroup.ValueString(),
			Queues:    uint(i.Queues.ValueInt64()),
			TrustRx:   i.TrustRx.ValueBool(),
			Bridge:    i.Bridge.ValueString(),
			Device:    i.Device.ValueString(),
			Mode:      i.Macvtap.ValueString(),
			PCI:       i.PCI.ValueString(),
			MAC:       netboot.CanonicalMAC(i.MAC.ValueString()),
			Model:     i.Model.ValueString(),
			MTU:       uint(i.MTU.ValueInt64()),
			VLAN:      uint(i.VLAN.ValueInt64()),
			Down:      i.Link.ValueString() == linkDown,
			NoBoot:    !i.Boot.ValueBool(),
		}
	})
}

// FromInterfaces reads the interfaces of a guest. Whether the guest boots from an interface is known only if it boots from interfaces
// at all. bootsNothing means that the guest boots from no device.
func FromInterfaces(ctx context.Context, before types.List, d virt.Domain, bootsNothing bool, diags *diag.Diagnostics) types.List {
	var old []Interface
	diags.Append(before.ElementsAs(ctx, &old, false)...)
	return framework.ListLike(ctx, before, InterfaceType, framework.Each(d.Interfaces, func(nic virt.Interface) Interface {
		read := Interface{
			Network:   framework.Optional(nic.Network),
			PortGroup: framework.Optional(nic.PortGroup),
			Bridge:    framework.Optional(nic.Bridge),
			Device:    framework.Optional(nic.Device),
			Macvtap:   framework.Optional(nic.Mode),
			PCI:       framework.Optional(nic.PCI),
			MAC:       hwtypes.NewMACAddressValue(nic.MAC),
			Model:     framework.Optional(nic.Model),
			MTU:       framework.OptionalNumber(nic.MTU),
			VLAN:      framework.OptionalNumber(nic.VLAN),
			Queues:    framework.OptionalNumber(nic.Queues),
			TrustRx:   types.BoolValue(nic.TrustRx),
			Link:      types.StringValue(linkUp),
			Boot:      types.BoolValue(!nic.NoBoot && !bootsNothing),
		}
		if nic.Down {
			read.Link = types.StringValue(linkDown)
		}
		at := slices.IndexFunc(old, func(o Interface) bool { return netboot.CanonicalMAC(o.MAC.ValueString()) == nic.MAC })
		if at >= 0 && nic.Queues == 0 && old[at].Queues.ValueInt64() == 1 {
			read.Queues = old[at].Queues // libvirt drops QEMU's default
		}
		if at >= 0 && !slices.Contains(d.Boot, virt.BootNetwork) {
			read.Boot = old[at].Boot
		}
		return read
	}), diags)
}

// Complete plans the attributes that the user does not set and that depend on where the interface is attached. before is the existing
// interface, or the zero value.
func (m *Interface) Complete(config, before Interface) {
	if config.Macvtap.IsNull() {
		m.Macvtap = types.StringNull()
		switch {
		case m.Device.IsUnknown():
			m.Macvtap = types.StringUnknown()
		case !m.Device.IsNull():
			m.Macvtap = types.StringValue(macvtapBridge)
		}
	}
	if config.Model.IsNull() && (!m.PCI.IsNull() || !before.MAC.IsNull() && before.Model.IsNull()) {
		m.Model = types.StringNull()
	}
}

// ChangeOfInterfaces is what a change of the interfaces does to a running guest: interfaces can be added, removed and attached to
// another network or bridge live, and their links can change.
func ChangeOfInterfaces(ctx context.Context, from, to types.List) Change {
	return changeOf(ctx, from, to, func(from, to Interface) (same bool, how Change) {
		if !SameMAC(from.MAC, to.MAC) {
			return false, 0
		}
		from.MAC = to.MAC
		if from == to {
			return true, Unchanged
		}
		from.Link = to.Link
		if from != to && to.Device.IsNull() && to.PCI.IsNull() {
			from.Network, from.Bridge = to.Network, to.Bridge
		}
		if from == to {
			return true, MadeLive
		}
		return true, NeedsRestart
	})
}

// ValidateInterfaces checks what libvirt would refuse later.
func ValidateInterfaces(ctx context.Context, list types.List, diags *diag.Diagnostics) {
	var untyped diag.Diagnostics // dropped, because the types of the attributes report the same errors
	interfaces := framework.Elements[Interface](ctx, list, &untyped)
	if untyped.HasError() {
		return
	}
	for i, nic := range interfaces {
		at := path.Root("interfaces").AtListIndex(i)
		same := func(o Interface) bool { return SameMAC(o.MAC, nic.MAC) }
		if nic.MAC.ValueString() != "" && slices.IndexFunc(interfaces, same) < i {
			framework.AddError(diags, at.AtName("mac"), "Invalid interface", fmt.Sprintf("Another interface of this guest has the MAC address %q.", nic.MAC.ValueString()))
		}
		if count := nic.places(); count != 1 && count != unknown {
			framework.AddError(diags, at, "Invalid interface", "An interface is attached to a libvirt network, or to a bridge or a device of the host, or it is a PCI function of the host. Set exactly one of network, bridge, device and pci.")
		}
	}
}

// places is the count of attributes that say where the interface is attached.
func (m Interface) places() (count int) {
	for _, v := range []types.String{m.Network, m.Bridge, m.Device, m.PCI} {
		if v.IsUnknown() {
			return unknown
		}
		if !v.IsNull() {
			count++
		}
	}
	return count
}

// SameMAC tells whether two addresses are equal, however they are written.
func SameMAC(a, b hwtypes.MACAddress) bool {
	return netboot.CanonicalMAC(a.ValueString()) == netboot.CanonicalMAC(b.ValueString())
}
