package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// The pool that volumes lie in where the user names none; a host that has none gets it here, as
// virt-install does it.
const (
	defaultPool     = "default"
	defaultPoolPath = "/var/lib/libvirt/images"
)

type volumeResource struct{ configured }

func newVolumeResource() resource.Resource { return &volumeResource{} }

type volumeModel struct {
	ID              types.String   `tfsdk:"id"`
	Name            types.String   `tfsdk:"name"`
	Pool            types.String   `tfsdk:"pool"`
	Format          types.String   `tfsdk:"format"`
	Capacity        sizeValue      `tfsdk:"capacity"`
	CapacityBytes   types.Int64    `tfsdk:"capacity_bytes"`
	AllocationBytes types.Int64    `tfsdk:"allocation_bytes"`
	Backing         types.Object   `tfsdk:"backing"`
	Path            types.String   `tfsdk:"path"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`
}

var volumeIdentity = identity{"pool", "name"}

func (m volumeModel) subject() subject { return subject{"volume", m.id()} }

func (m volumeModel) id() string { return m.Pool.ValueString() + "/" + m.Name.ValueString() }

func (r *volumeResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_volume"
}

func (r *volumeResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = volumeIdentity.schema()
}

func (r *volumeResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A volume in a libvirt storage pool: a guest's disk.\n\nIt grows in place. It never shrinks, which would lose what lies behind the new end.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute("`<pool>/<name>`."),
			"name": replacingString("Name of the volume, and of its file in the pool's directory.", objectName),
			"pool": schema.StringAttribute{
				MarkdownDescription: "Name of the pool. Default: `default`; a host that has no such pool gets it at `" + defaultPoolPath + "` and keeps it. A change replaces the volume.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(defaultPool),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{objectName},
			},
			"format": schema.StringAttribute{
				MarkdownDescription: "`qcow2` or `raw`. Default: `qcow2`. A change replaces the volume.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("qcow2"),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{stringvalidator.OneOf("qcow2", "raw")},
			},
			"capacity": schema.StringAttribute{
				MarkdownDescription: "Size that the guest sees. " + sizeDescription + " With `backing`, the default is the size of that. It can grow.",
				CustomType:          sizeType{},
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"capacity_bytes": schema.Int64Attribute{
				MarkdownDescription: "`capacity` in bytes.",
				Computed:            true,
			},
			"allocation_bytes": schema.Int64Attribute{
				MarkdownDescription: "Bytes that the volume takes on the host.",
				Computed:            true,
			},
			"backing": schema.SingleNestedAttribute{
				MarkdownDescription: "What a `qcow2` volume is laid over: reads go through to it until the guest writes. It must not change while overlays use it. A change replaces the volume.",
				Optional:            true,
				PlanModifiers:       []planmodifier.Object{objectplanmodifier.RequiresReplace()},
				Attributes:          backingAttributes(),
			},
			"path": schema.StringAttribute{
				MarkdownDescription: "Path of the volume's file on the host.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"timeouts": timeoutsAttribute(ctx),
		},
	}
}

func (r *volumeResource) ConfigValidators(context.Context) []resource.ConfigValidator {
	return []resource.ConfigValidator{
		resourcevalidator.AtLeastOneOf(path.MatchRoot("capacity"), path.MatchRoot("backing")),
	}
}

func (r *volumeResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config volumeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	// QEMU rounds up what does not end with a sector.
	const sector = 512
	if config.Capacity.bytes()%sector != 0 {
		resp.Diagnostics.AddAttributeError(path.Root("capacity"), "Invalid capacity",
			fmt.Sprintf("%s is not a whole number of sectors of %d bytes.", config.Capacity.ValueString(), sector))
	}
	if config.Backing.IsNull() || config.Backing.IsUnknown() {
		return
	}
	var backing backingModel
	resp.Diagnostics.Append(config.Backing.As(ctx, &backing, objectAsOptions)...)
	backing.validate(&resp.Diagnostics)
	if config.Format.ValueString() == "raw" {
		resp.Diagnostics.AddAttributeError(path.Root("format"), "Invalid format",
			"A raw volume cannot be laid over another one. Use qcow2, or leave backing out.")
	}
}

func (r *volumeResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	volumeIdentity.importState(ctx, req, resp)
}

// ModifyPlan makes the id and the size known at plan, and refuses to shrink.
func (r *volumeResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan volumeModel
	var state *volumeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !plan.Name.IsUnknown() && !plan.Pool.IsUnknown() {
		plan.ID = types.StringValue(plan.id())
	}
	if !plan.Capacity.IsUnknown() && !plan.Capacity.IsNull() {
		plan.CapacityBytes = types.Int64Value(int64(plan.Capacity.bytes()))
	}
	if state != nil && plan.CapacityBytes.Equal(state.CapacityBytes) {
		// An equal size keeps the state's words, and a volume that does not grow takes no more room.
		plan.Capacity, plan.AllocationBytes = state.Capacity, state.AllocationBytes
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || plan.replaces(*state) || plan.Capacity.IsUnknown() {
		return
	}
	if plan.Capacity.bytes() < uint64(state.CapacityBytes.ValueInt64()) {
		resp.Diagnostics.AddAttributeError(path.Root("capacity"), fmt.Sprintf("Unable to shrink %s", plan.subject()),
			fmt.Sprintf("It has %s and %s are planned. What lies behind the new end would be lost, so volumes only grow. "+
				"To begin again with an empty smaller one, replace it: -replace=ADDRESS, or another name.", state.Capacity.ValueString(), plan.Capacity.ValueString()))
	}
}

// replaces tells whether the plan is for another volume than that of the state.
func (m volumeModel) replaces(state volumeModel) bool {
	return !m.Pool.Equal(state.Pool) || !m.Name.Equal(state.Name) || !m.Format.Equal(state.Format) || !m.Backing.Equal(state.Backing)
}

func (r *volumeResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan volumeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Create, callTimeout, &resp.Diagnostics)
	defer cancel()

	if at, err := r.create(ctx, plan, &resp.Diagnostics); err != nil {
		fail(&resp.Diagnostics, at, "create", plan.subject(), err)
		return
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(volumeIdentity.set(ctx, resp.Identity, plan.Pool, plan.Name)...)
}

func (r *volumeResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state volumeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Read, callTimeout, &resp.Diagnostics)
	defer cancel()

	v, err := r.host.Volume(ctx, state.Pool.ValueString(), state.Name.ValueString())
	if isNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	state.fromVolume(v)
	if err := r.readBacking(ctx, &state, v.Backing, &resp.Diagnostics); err != nil {
		fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(volumeIdentity.set(ctx, resp.Identity, state.Pool, state.Name)...)
}

// Update grows the volume; every other change replaces it.
func (r *volumeResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state volumeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, plan.Timeouts.Update, callTimeout, &resp.Diagnostics)
	defer cancel()

	if plan.Capacity.bytes() > uint64(state.CapacityBytes.ValueInt64()) {
		err := r.host.ResizeVolume(ctx, plan.Pool.ValueString(), plan.Name.ValueString(), plan.Capacity.bytes(), false)
		if err != nil {
			fail(&resp.Diagnostics, path.Root("capacity"), "grow", plan.subject(), err)
			return
		}
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(volumeIdentity.set(ctx, resp.Identity, plan.Pool, plan.Name)...)
}

func (r *volumeResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state volumeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := bounded(ctx, state.Timeouts.Delete, callTimeout, &resp.Diagnostics)
	defer cancel()

	err := r.host.DeleteVolume(ctx, state.Pool.ValueString(), state.Name.ValueString())
	if err != nil && !isNotFound(err) {
		fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// create makes the volume; with an error it says which attribute that is about.
func (r *volumeResource) create(ctx context.Context, m volumeModel, diags *diag.Diagnostics) (path.Path, error) {
	if err := r.ensurePool(ctx, m.Pool.ValueString()); err != nil {
		return path.Root("pool"), err
	}
	v := virt.Volume{
		Pool:     m.Pool.ValueString(),
		Name:     m.Name.ValueString(),
		Format:   m.Format.ValueString(),
		Capacity: m.Capacity.bytes(),
	}
	if !m.Backing.IsNull() {
		var backing backingModel
		diags.Append(m.Backing.As(ctx, &backing, objectAsOptions)...)
		if err := r.resolve(ctx, backing, &v); err != nil {
			return path.Root("backing"), err
		}
	}
	return path.Root("name"), r.host.CreateVolume(ctx, v)
}

// ensurePool makes the default pool where a host has none; any other pool must be there.
func (r *volumeResource) ensurePool(ctx context.Context, name string) error {
	r.poolMaking.Lock() // volumes are made side by side, the pool once
	defer r.poolMaking.Unlock()
	pool, err := r.host.Pool(ctx, name)
	switch {
	case err == nil && pool.Active:
		return nil
	case err == nil:
		return fmt.Errorf("pool %q is not started; start it: virsh pool-start %s", name, name)
	case !isNotFound(err):
		return err
	case name != defaultPool:
		return fmt.Errorf("the host has no pool %q; create it, or use another one (virsh pool-list --all shows them): %w", name, err)
	}
	_, _, err = r.host.CreatePool(ctx, defaultPool, defaultPoolPath)
	return err
}

// refresh fills in what is known once the volume is there.
func (r *volumeResource) refresh(ctx context.Context, m *volumeModel, diags *diag.Diagnostics) {
	v, err := r.host.Volume(ctx, m.Pool.ValueString(), m.Name.ValueString())
	if err != nil {
		fail(diags, path.Empty(), "read", m.subject(), err)
		m.forgetUnknown()
		return
	}
	planned := m.AllocationBytes
	m.fromVolume(v)
	if !planned.IsUnknown() {
		m.AllocationBytes = planned
	}
}

// forgetUnknown makes null what could not be read, so that the state can be saved.
func (m *volumeModel) forgetUnknown() {
	if m.Capacity.IsUnknown() {
		m.Capacity = sizeValue{types.StringNull()}
	}
	if m.CapacityBytes.IsUnknown() {
		m.CapacityBytes = types.Int64Null()
	}
	if m.AllocationBytes.IsUnknown() {
		m.AllocationBytes = types.Int64Null()
	}
	if m.Path.IsUnknown() {
		m.Path = types.StringNull()
	}
}

func (m *volumeModel) fromVolume(v virt.Volume) {
	m.Pool = types.StringValue(v.Pool)
	m.Name = types.StringValue(v.Name)
	m.ID = types.StringValue(m.id())
	m.Format = types.StringValue(v.Format)
	if m.Capacity.bytes() != v.Capacity || m.Capacity.IsNull() || m.Capacity.IsUnknown() {
		m.Capacity = newSize(v.Capacity)
	}
	m.CapacityBytes = types.Int64Value(int64(v.Capacity))
	m.AllocationBytes = types.Int64Value(int64(v.Allocation))
	m.Path = types.StringValue(v.Path)
}
