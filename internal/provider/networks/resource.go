// Package networks has the resource netboot_network and its data source.
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
	resp.ResourceBehavior = resource.ResourceBehavior{MutableIdentity: true} // other programs rename networks
}

func (r *networkResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = networkIdentity.Schema()
}

func (r *networkResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A libvirt network: a bridge on the host with DHCP. With a TFTP root, it has everything that a guest needs to netboot.\n\n" +
			"A change takes effect at once, in the least disruptive way that libvirt supports. The plan says which: either the network changes while it runs, or libvirt restarts it. Running guests survive a restart, because they are attached to the network again. " +
			"Parts of an existing network that this resource does not model stay as they are. See the guide on [networks that change](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/networks).",
		Attributes: map[string]schema.Attribute{
			"id":   framework.IDAttribute("The network's `name`."),
			"host": framework.HostAttribute,
			"name": framework.ReplacingString("Name of the network.", framework.ObjectName),
			"mode": schema.StringAttribute{
				MarkdownDescription: "How guests reach other networks. In the modes `nat`, `route`, `open` (routed without firewall rules) and `isolated`, libvirt makes a bridge. The other modes attach guests to a bridge or devices that already exist on the host, and libvirt serves no addresses and files there. Mode `bridge` uses a `bridge`, or `forward_devices` by macvtap. The modes `private`, `vepa` and `passthrough` use devices by macvtap: guests on the same device cannot reach each other (`private`), reach each other through a switch that returns their packets (`vepa`), or each guest has a device of its own (`passthrough`). Mode `hostdev` gives guests virtual functions of `physical_function`. Default: `nat`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(virt.ModeNAT),
				Validators:          []validator.String{stringvalidator.OneOf(networkModes...)},
			},
			"bridge": schema.StringAttribute{
				MarkdownDescription: "Name of the bridge on the host, at most 15 characters. In mode `bridge`, the name of an existing bridge; otherwise, of the bridge that libvirt makes. Default: the name on the host; for a bridge that libvirt makes, the next free `virbr` name.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.String{framework.Device},
			},
			"forward_devices":   forwardDevicesAttribute,
			"physical_function": physicalFunctionAttribute,
			"openvswitch": schema.BoolAttribute{
				MarkdownDescription: "Whether the bridge is a bridge of Open vSwitch. Only in mode `bridge`. Default: `false`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			"vlans": schema.ListAttribute{
				MarkdownDescription: "VLANs of the guests. Only with `openvswitch`, in the modes `hostdev` and `passthrough`, or on any `bridge` with libvirt 11 or newer. Several VLANs make a trunk.",
				ElementType:         types.Int64Type,
				Optional:            true,
				// IEEE 802.1Q reserves 0 and 4095.
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueInt64sAre(int64validator.Between(1, 4094))},
			},
			"stp": schema.BoolAttribute{
				MarkdownDescription: "Whether the bridge uses the spanning tree protocol. Default: the value on the host; `false` for a new network, because a bridge that first listens for other bridges drops the DHCP requests of firmware.",
				Optional:            true,
				Computed:            true,
			},
			"delay": schema.Int64Attribute{
				MarkdownDescription: "Seconds that the bridge waits before it forwards packets, with `stp`. Default: the value on the host; `0` for a new network.",
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
				MarkdownDescription: "MTU of the bridge in bytes. s390x firmware boots with any MTU from 576 to 9000. Below 1500, TFTP uses smaller blocks and is slower.",
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
				MarkdownDescription: "Whether the network runs with its current definition. Default: `true`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"force_destroy": schema.BoolAttribute{
				MarkdownDescription: "Whether to destroy the network even if running guests are on it. These guests then lose their network. Default: `false`.",
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
				MarkdownDescription: "UUID of the network. An import accepts it instead of the name.",
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
			fmt.Sprintf("The network has the mode %q, which this resource does not support. The supported modes are: %s. Guests can still use the network by its name.", network.Mode, strings.Join(networkModes, ", ")))
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
		err = fmt.Errorf("running guests use it and would lose their network: %s; shut them off, attach them to another network, or apply force_destroy = true, and then destroy the network again", strings.Join(guests, ", "))
	}
	if err == nil {
		err = r.Host.DeleteNetwork(ctx, network.Name)
	}
	if err != nil && !framework.IsNotFound(err) {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// find finds a network by its name, or by its UUID if another program has defined it again under another name.
func (r *networkResource) find(ctx context.Context, m networkModel) (virt.Network, error) {
	by := framework.ByName[virt.Network]{Look: r.Host.Network, UUID: func(n virt.Network) string { return n.UUID }, Name: r.Host.NetworkName}
	return by.Find(ctx, m.Name, m.UUID)
}

// refresh fills in what libvirt chose.
func (r *networkResource) refresh(ctx context.Context, m *networkModel, diags *diag.Diagnostics) {
	network, err := r.Host.Network(ctx, m.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", m.subject(), err)
		// The planned network exists; the next refresh reads what libvirt chose.
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

// shown is what a refresh shows of a network. If only the running network was changed, and not its definition, it shows
// the running network. If only the definition was changed, or a change was interrupted, it shows the network as not
// running, so that the next apply restarts it with its definition.
func (m networkModel) shown(ctx context.Context, n virt.Network, diags *diag.Diagnostics) virt.Network {
	switch {
	case n.Parked:
		diags.AddWarning(fmt.Sprintf("A change of network %q was interrupted", n.Name),
			"Running guests may have lost the network. The network is shown as not running, so that the next apply completes the change and attaches the guests again.")
	case n.Running == nil:
		return n
	case same(n, m.network(ctx, diags)):
		return *n.Running
	default:
		diags.AddWarning(fmt.Sprintf("Network %q does not run as it is defined", n.Name),
			"Another program or user has changed its definition while the network was running, or a change was interrupted. The network is shown as not running, so that the next apply restarts it with its definition. Running guests on it keep running.")
	}
	n.Active = false
	return n
}

// culprit is the attribute that caused an error.
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

// Messages of libvirt and dnsmasq for errors that have no code.
const (
	badOption    = "bad option at line"                // dnsmasq src/option.c, read_file()
	bridgeExists = "error creating bridge interface"   // libvirt src/util/virnetdevbridge.c
	inUse        = "already in use by interface"       // libvirt src/network/bridge_driver_linux.c
	inUseForDNS  = "failed to create listening socket" // dnsmasq src/network.c, create_bound_listeners()
)

// explain adds what to do if the message of dnsmasq or libvirt does not say it.
func (m networkModel) explain(err error) error {
	left := fmt.Sprintf("If libvirtd was killed while it started this network, the network's bridge and its dnsmasq are left on the host. "+
		"In this case, remove both on the host: run pkill -f dnsmasq/%s.conf, and ip link delete with the bridge's name", m.Name.ValueString())
	var remedy string
	switch {
	case errors.Is(err, virt.ErrTFTPRoot):
		remedy = "No network can serve this TFTP root, because dnsmasq, which runs as an unprivileged user, cannot enter it. " +
			"Make sure that the directory exists, that all users can enter every directory on its path (chmod o+x), and that all users can read the directory itself (chmod o+rx). " +
			"Directories below /root and /home usually do not allow this; /srv/tftp does"
	case strings.Contains(err.Error(), badOption):
		remedy = "dnsmasq does not know one of the raw options in dnsmasq_options. " +
			"Each option is one line of its configuration file, without leading hyphens. dnsmasq(8) lists all options"
	case errors.Is(err, virt.ErrInterfaceExists), strings.Contains(err.Error(), bridgeExists):
		remedy = "To attach guests to an existing bridge of the host, set mode = \"bridge\". " +
			"If nothing uses the interface, it was left by a libvirtd that was killed: remove it on the host (ip link delete), or choose another name"
	case strings.Contains(err.Error(), inUse):
		remedy = "The host already has an address in that network, on the interface in the message. Choose other addresses. " + left
	case strings.Contains(err.Error(), inUseForDNS):
		remedy = "A program on the host already listens on that address, for example a DNS server that listens on all addresses. Configure it to listen only on its own addresses. " + left
	default:
		return err
	}
	return fmt.Errorf("%w\n\n%s", err, remedy)
}
