package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
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
)

type networkResource struct{ configured }

func newNetworkResource() resource.Resource { return &networkResource{} }

type networkModel struct {
	ID        types.String   `tfsdk:"id"`
	Name      types.String   `tfsdk:"name"`
	Mode      types.String   `tfsdk:"mode"`
	Bridge    types.String   `tfsdk:"bridge"`
	Domain    types.String   `tfsdk:"domain"`
	MTU       types.Int64    `tfsdk:"mtu"`
	Autostart types.Bool     `tfsdk:"autostart"`
	Running   types.Bool     `tfsdk:"running"`
	TFTPRoot  types.String   `tfsdk:"tftp_root"`
	IPv4      types.Object   `tfsdk:"ipv4"`
	UUID      types.String   `tfsdk:"uuid"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`
}

var networkIdentity = identity{"name"}

func (m networkModel) subject() subject { return subject{"network", m.Name.ValueString()} }

func (r *networkResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_network"
}

func (r *networkResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = networkIdentity.schema()
}

func (r *networkResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A libvirt network: a bridge on the host with DHCP and, given a TFTP root, with all that a guest needs to netboot.\n\n" +
			"A change takes effect at once. Where libvirt has to restart the network for it, the plan says so and names the running guests on it: they have no network until they are started again. " +
			"What this resource does not model in an existing network stays as it is.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute("The network's `name`."),
			"name": replacingString("Name of the network.", objectName),
			"mode": schema.StringAttribute{
				MarkdownDescription: "How guests reach other networks: `nat`, `route`, `open` (routed without firewall rules) or `isolated`. Default: `nat`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("nat"),
				Validators:          []validator.String{stringvalidator.OneOf("nat", "route", "open", "isolated")},
			},
			"bridge": schema.StringAttribute{
				MarkdownDescription: "Name of the bridge on the host, at most 15 characters. Default: the next free `virbr` that libvirt finds.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
				// IFNAMSIZ, linux/if.h
				Validators: []validator.String{stringvalidator.LengthBetween(1, 15), objectName},
			},
			"domain": schema.StringAttribute{
				MarkdownDescription: "DNS domain of the guests.",
				Optional:            true,
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"mtu": schema.Int64Attribute{
				MarkdownDescription: "MTU of the bridge in bytes. s390x firmware needs at least 1500, and takes no larger packets.",
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
				MarkdownDescription: "Whether the network runs. Default: `true`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"tftp_root": schema.StringAttribute{
				MarkdownDescription: "Directory that guests on this network boot from: the `path` of a `netboot_tftp_root`. It needs `ipv4` with a DHCP range or reservation.",
				Optional:            true,
				Validators:          []validator.String{absolutePath},
			},
			"ipv4": schema.SingleNestedAttribute{
				MarkdownDescription: "The host's IPv4 address on the network, and DHCP.",
				Optional:            true,
				Attributes:          ipv4Attributes(),
			},
			"uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the network.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"timeouts": timeoutsAttribute(ctx),
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

func (r *networkResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	networkIdentity.importState(ctx, req, resp)
}

// ModifyPlan makes the id known at plan, and says which running guests a restart touches.
func (r *networkResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan networkModel
	var state *networkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.ID = plan.Name
	if state == nil {
		plan.validateNew(&resp.Diagnostics)
	} else {
		plan.keepWords(ctx, *state, &resp.Diagnostics)
	}
	if !plan.Name.IsUnknown() && !plan.TFTPRoot.IsUnknown() && !plan.hasUnknown(ctx) {
		n := plan.network(ctx, &resp.Diagnostics)
		r.plans.networks.add(n.Name, n)
		if state == nil || !plan.IPv4.Equal(state.IPv4) {
			warnOfForeignLoader(n, &resp.Diagnostics)
		}
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || !state.Running.ValueBool() || !plan.restarts(*state) {
		return
	}
	guests, err := r.host.NetworkGuests(ctx, state.Name.ValueString())
	if err != nil {
		fail(&resp.Diagnostics, path.Empty(), "plan", plan.subject(), err)
		return
	}
	detail := "libvirt cannot change this while the network runs. No running guest is on it."
	if len(guests) > 0 {
		detail = "libvirt cannot change this while the network runs. These running guests are on it and stay without network until they are started again: " + strings.Join(guests, ", ") + "."
	}
	resp.Diagnostics.AddWarning(fmt.Sprintf("Network %q will be restarted", plan.Name.ValueString()), detail)
}

func (r *networkResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan networkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Create, callTimeout, &resp.Diagnostics)
	defer cancel()

	if err := r.host.CreateNetwork(ctx, plan.network(ctx, &resp.Diagnostics)); err != nil {
		fail(&resp.Diagnostics, plan.culprit(err), "create", plan.subject(), explainNetwork(err))
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(networkIdentity.set(ctx, resp.Identity, plan.Name)...)
}

func (r *networkResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Read, callTimeout, &resp.Diagnostics)
	defer cancel()

	network, err := r.host.Network(ctx, state.Name.ValueString())
	if isNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	state.fromNetwork(ctx, network, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(networkIdentity.set(ctx, resp.Identity, state.Name)...)
}

func (r *networkResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan networkModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Update, callTimeout, &resp.Diagnostics)
	defer cancel()

	if err := r.host.UpdateNetwork(ctx, plan.network(ctx, &resp.Diagnostics)); err != nil {
		fail(&resp.Diagnostics, plan.culprit(err), "update", plan.subject(), explainNetwork(err))
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(networkIdentity.set(ctx, resp.Identity, plan.Name)...)
}

func (r *networkResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state networkModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Delete, callTimeout, &resp.Diagnostics)
	defer cancel()

	name := state.Name.ValueString()
	guests, err := r.host.NetworkGuests(ctx, name)
	if err == nil && len(guests) > 0 {
		err = fmt.Errorf("running guests are on it and would lose their network: %s; stop them or move them to another network, then destroy again", strings.Join(guests, ", "))
	}
	if err == nil {
		err = r.host.DeleteNetwork(ctx, name)
	}
	if err != nil && !isNotFound(err) {
		fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// refresh fills in what libvirt chose.
func (r *networkResource) refresh(ctx context.Context, m *networkModel, diags *diag.Diagnostics) {
	network, err := r.host.Network(ctx, m.Name.ValueString())
	if err != nil {
		fail(diags, path.Empty(), "read", m.subject(), err)
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
	m.Bridge = types.StringValue(network.Bridge)
}
