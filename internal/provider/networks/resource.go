// Package networks has libvirt networks: the resource netboot_network and its data source.
package networks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type networkResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_network.
func NewResource() resource.Resource { return &networkResource{} }

var networkIdentity = framework.Identity{"name"}

var networkModes = []string{
	virt.ModeNAT, virt.ModeRoute, virt.ModeOpen, virt.ModeIsolated,
	virt.ModeBridge, virt.ModePrivate, virt.ModeVEPA, virt.ModePassthrough, virt.ModeHostdev,
}

func (r *networkResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_network"
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true} // others rename networks
}

func (r *networkResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = networkIdentity.Schema()
}

func (r *networkResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A libvirt network: a bridge on the host with DHCP and, given a TFTP root, with all that a guest needs to netboot.\n\n" +
			"A change takes effect at once, the gentlest way that libvirt has, and the plan says which: while the network runs, or by a restart of the network that running guests survive, for they are plugged in again. " +
			"What this resource does not model in an existing network stays as it is. See the guide on [networks that change](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/networks).",
		Attributes: map[string]schema.Attribute{
			"id":   framework.IDAttribute("The network's `name`."),
			"host": framework.HostAttribute,
			"name": framework.ReplacingString("Name of the network.", framework.ObjectName),
			"mode": schema.StringAttribute{
				MarkdownDescription: "How guests reach other networks: `nat`, `route`, `open` (routed without firewall rules), `isolated`, or by what the host has already and others serve addresses and files on. That is in mode `bridge` a bridge, or `forward_devices` by macvtap; in the modes `private`, `vepa` and `passthrough` devices by macvtap, which differ in how guests on one device reach each other: not at all, by a switch that returns their packets, or there is one guest for each. In mode `hostdev` guests are handed virtual functions of `physical_function`. Default: `nat`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(virt.ModeNAT),
				Validators:          []validator.String{stringvalidator.OneOf(networkModes...)},
			},
			"bridge": schema.StringAttribute{
				MarkdownDescription: "Name of the bridge on the host, at most 15 characters: of the one that libvirt makes, or in mode `bridge` of the one that is there. Default: as it is on the host, which is the next free `virbr` that libvirt finds where it makes one.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{framework.Device},
			},
			"forward_devices":   forwardDevicesAttribute,
			"physical_function": physicalFunctionAttribute,
			"openvswitch": schema.BoolAttribute{
				MarkdownDescription: "Whether the bridge is one of Open vSwitch, in mode `bridge`. Default: `false`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			"vlans": schema.ListAttribute{
				MarkdownDescription: "VLAN that guests are on, with `openvswitch`, in the modes `hostdev` and `passthrough`, or with libvirt 11 or newer on any `bridge`. Several make a trunk.",
				ElementType:         types.Int64Type,
				Optional:            true,
				// IEEE 802.1Q: 0 and 4095 are no VLANs.
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueInt64sAre(int64validator.Between(1, 4094))},
			},
			"stp": schema.BoolAttribute{
				MarkdownDescription: "Whether the bridge takes part in spanning tree. Default: as it is on the host, which is `false` for a new network: a bridge that listens for others first eats the DHCP requests of firmware.",
				Optional:            true,
				Computed:            true,
			},
			"delay": schema.Int64Attribute{
				MarkdownDescription: "Seconds that the bridge waits before it forwards, with `stp`. Default: as it is on the host, which is `0` for a new network.",
				Optional:            true,
				Computed:            true,
				// linux/net/bridge/br_private_stp.h, BR_MAX_FORWARD_DELAY
				Validators: []validator.Int64{int64validator.Between(0, 30)},
			},
			"domain": schema.StringAttribute{
				MarkdownDescription: "DNS domain of the guests.",
				Optional:            true,
				Validators:          []validator.String{domainName},
			},
			"mtu": schema.Int64Attribute{
				MarkdownDescription: "MTU of the bridge in bytes. s390x firmware boots with any from 576 to 9000; below 1500 TFTP has smaller blocks, and is slower.",
				Optional:            true,
				Validators:          []validator.Int64{int64validator.Between(68, 65535)},
			},
			"autostart": schema.BoolAttribute{
				MarkdownDescription: "Whether the network starts with the host. Default: `true`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"running": schema.BoolAttribute{
				MarkdownDescription: "Whether the network runs, and as it is defined. Default: `true`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Whether the network is destroyed also while running guests are on it, which then lose it. Default: `false`.",
				Optional:            true,
			},
			"tftp_root": schema.StringAttribute{
				MarkdownDescription: "Directory that guests on this network boot from: the `path` of a `netboot_tftp_root`. It needs `ipv4` with a DHCP range or reservation.",
				Optional:            true,
				Validators:          []validator.String{tftpRoot},
			},
			"ipv4":            ipv4Attribute,
			"ipv6":            ipv6Attribute,
			"dns":             dnsAttribute,
			"routes":          routesAttribute,
			"dnsmasq_options": dnsmasqOptionsAttribute,
			"uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the network, which imports it too.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"timeouts": framework.TimeoutsAttribute(ctx),
		},
	}
}

func (r *networkResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config networkModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	config.validate(ctx, &resp.Diagnostics)
}

// ImportState imports by name, by identity, or by UUID.
func (r *networkResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	framework.ImportByUUID(ctx, networkIdentity, r.Scope, Host.NetworkName, req, resp)
}

// MoveState takes over by a moved block.
func (r *networkResource) MoveState(context.Context) []resource.StateMover {
	return networkIdentity.Movers("netboot_network", "libvirt_network")
}

func (r *networkResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var config, plan networkModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &networkResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if err := r.Host.CreateNetwork(ctx, plan.network(ctx, &resp.Diagnostics)); err != nil {
		framework.Fail(&resp.Diagnostics, plan.culprit(err), "create", plan.subject(), plan.explain(err))
		return
	}
	config.saveSet(ctx, resp.Private, &resp.Diagnostics)
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(networkIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Name)...)
}

func (r *networkResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	networkIdentity.Keep(ctx, req, resp)
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &networkResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	network, err := r.find(ctx, state)
	if framework.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	if !slices.Contains(networkModes, network.Mode) {
		resp.Diagnostics.AddError(fmt.Sprintf("Unable to manage %s", state.subject()),
			fmt.Sprintf("It has the mode %q; this resource knows %s. Guests can be plugged into it all the same, by its name.", network.Mode, strings.Join(networkModes, ", ")))
		return
	}
	if state.UUID.IsNull() { // it was imported
		warnOfUnmodelled(network, &resp.Diagnostics)
		framework.NoteImport(ctx, resp.Private, &resp.Diagnostics)
	}
	framework.SaveRenamed(ctx, resp.Private, state.Name, types.StringValue(network.Name), &resp.Diagnostics)
	state.fromNetwork(ctx, state.shown(ctx, network, &resp.Diagnostics), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(networkIdentity.Set(ctx, resp.Identity, state.Placement, state.Name)...)
}

func (r *networkResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var config, plan networkModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	r = &networkResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if err := r.Host.UpdateNetwork(ctx, plan.network(ctx, &resp.Diagnostics)); err != nil {
		framework.Fail(&resp.Diagnostics, plan.culprit(err), "update", plan.subject(), plan.explain(err))
		return
	}
	config.saveSet(ctx, resp.Private, &resp.Diagnostics)
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(networkIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Name)...)
}

func (r *networkResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &networkResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	network, err := r.find(ctx, state)
	var guests []string
	if err == nil {
		guests, err = r.Host.NetworkGuests(ctx, network.Name)
	}
	if err == nil && len(guests) > 0 && !state.ForceDestroy.ValueBool() {
		err = fmt.Errorf("running guests are on it and would lose their network: %s; stop them or move them to another network, or apply force_destroy = true, then destroy again", strings.Join(guests, ", "))
	}
	if err == nil {
		err = r.Host.DeleteNetwork(ctx, network.Name)
	}
	if err != nil && !framework.IsNotFound(err) {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// find looks a network up, also one that others have defined anew under another name, with its UUID.
func (r *networkResource) find(ctx context.Context, m networkModel) (virt.Network, error) {
	by := framework.ByName[virt.Network]{Look: r.Host.Network, UUID: func(n virt.Network) string { return n.UUID }, Name: r.Host.NetworkName}
	return by.Find(ctx, m.Name, m.UUID)
}

// refresh fills in what libvirt chose.
func (r *networkResource) refresh(ctx context.Context, m *networkModel, diags *diag.Diagnostics) {
	network, err := r.Host.Network(ctx, m.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", m.subject(), err)
		// What was planned is there; what libvirt chose is read by the next refresh.
		if m.UUID.IsUnknown() {
			m.UUID = types.StringNull()
		}
		if m.Bridge.IsUnknown() {
			m.Bridge = types.StringNull()
		}
		return
	}
	m.UUID = types.StringValue(network.UUID)
	m.Bridge = framework.Optional(network.Bridge)
}

// shown is what a refresh shows of a network. Where somebody has changed what runs and not the
// definition, it shows what runs. Where the definition was changed alone, or a change of it was
// interrupted, the network counts as one that does not run, so that the next apply brings it.
func (m networkModel) shown(ctx context.Context, n virt.Network, diags *diag.Diagnostics) virt.Network {
	switch {
	case n.Parked:
		diags.AddWarning(fmt.Sprintf("A change of network %q was interrupted", n.Name),
			"Running guests may be without it. It is shown as one that does not run, so that the next apply ends the change and plugs them in again.")
	case n.Running == nil:
		return n
	case same(n, m.network(ctx, diags)):
		return *n.Running
	default:
		diags.AddWarning(fmt.Sprintf("Network %q does not run as it is defined", n.Name),
			"Somebody has changed its definition while it ran, or a change of it was interrupted. It is shown as one that does not run, so that the next apply makes it run as it is defined then. Running guests on it go on.")
	}
	n.Active = false
	return n
}

// culprit is the attribute that an error is about.
func (m networkModel) culprit(err error) path.Path {
	switch {
	case errors.Is(err, virt.ErrTFTPRoot):
		return path.Root("tftp_root")
	case strings.Contains(err.Error(), badOption) && !m.DnsmasqOptions.IsNull():
		return path.Root("dnsmasq_options")
	case errors.Is(err, virt.ErrInterfaceExists), strings.Contains(err.Error(), bridgeExists):
		return path.Root("bridge")
	default:
		return path.Root("name")
	}
}

// Words of libvirt and dnsmasq for what they have no code for.
const (
	badOption    = "bad option at line"                // dnsmasq src/option.c, read_file()
	bridgeExists = "error creating bridge interface"   // libvirt src/util/virnetdevbridge.c
	inUse        = "already in use by interface"       // libvirt src/network/bridge_driver_linux.c
	inUseForDNS  = "failed to create listening socket" // dnsmasq src/network.c, create_bound_listeners()
)

// explain adds what to do where the words of dnsmasq and libvirt do not say it.
func (m networkModel) explain(err error) error {
	left := fmt.Sprintf("A libvirtd that is killed while it starts a network leaves the network's bridge and dnsmasq behind. "+
		"If that was so here, end both on the host: pkill -f dnsmasq/%s.conf, and ip link delete with the bridge's name", m.Name.ValueString())
	var remedy string
	switch {
	case errors.Is(err, virt.ErrTFTPRoot):
		remedy = "No network can serve this TFTP root, because dnsmasq, which runs as an unprivileged user, cannot enter it. " +
			"Make sure that the directory exists and that every directory on its path can be entered by all users (chmod o+x), and the directory itself read (chmod o+rx). " +
			"Directories below /root and /home usually cannot; /srv/tftp can"
	case strings.Contains(err.Error(), badOption):
		remedy = "dnsmasq does not know one of the raw options in dnsmasq_options. " +
			"Each is one line of its configuration file, without leading hyphens: dnsmasq(8) has them all"
	case errors.Is(err, virt.ErrInterfaceExists), strings.Contains(err.Error(), bridgeExists):
		remedy = "To plug guests into a bridge of the host's own, set mode = \"bridge\". " +
			"If nobody uses the interface, a libvirtd that was killed has left it: remove it on the host (ip link delete), or choose another name"
	case strings.Contains(err.Error(), inUse):
		remedy = "The host has an address in that network already, on the interface that is named. Choose other addresses. " + left
	case strings.Contains(err.Error(), inUseForDNS):
		remedy = "A program on the host listens on that address already, as a DNS server for all addresses does: let it listen on its own alone. " + left
	default:
		return err
	}
	return fmt.Errorf("%w\n\n%s", err, remedy)
}
