// Package volumes has volumes: the resource netboot_volume and its data source.
package volumes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// The pool of a volume that does not set one. The provider creates it on a host that does not have it, as virt-install does.
const (
	defaultPool     = "default"
	defaultPoolPath = "/var/lib/libvirt/images"
)

type volumeResource struct{ framework.Resource[Host] }

// NewResource makes the resource netboot_volume.
func NewResource() resource.Resource { return &volumeResource{} }

type volumeModel struct {
	framework.Placement
	ID                types.String   `tfsdk:"id"`
	Name              types.String   `tfsdk:"name"`
	Pool              types.String   `tfsdk:"pool"`
	Format            types.String   `tfsdk:"format"`
	Capacity          framework.Size `tfsdk:"capacity"`
	CapacityBytes     types.Int64    `tfsdk:"capacity_bytes"`
	AllocationBytes   types.Int64    `tfsdk:"allocation_bytes"`
	Preallocation     types.String   `tfsdk:"preallocation"`
	ClusterSize       framework.Size `tfsdk:"cluster_size"`
	ClusterSizeBytes  types.Int64    `tfsdk:"cluster_size_bytes"`
	Compat            types.String   `tfsdk:"compat"`
	Backing           types.Object   `tfsdk:"backing"`
	Owner             types.Int64    `tfsdk:"owner"`
	Group             types.Int64    `tfsdk:"group"`
	Mode              types.String   `tfsdk:"mode"`
	Source            types.String   `tfsdk:"source"`
	ArchivePath       types.String   `tfsdk:"archive_path"`
	Checksum          types.String   `tfsdk:"checksum"`
	ChecksumSignature types.Object   `tfsdk:"checksum_signature"`
	TLS               types.Object   `tfsdk:"tls"`
	CloudInit         types.Object   `tfsdk:"cloud_init"`
	Ignition          types.String   `tfsdk:"ignition"`
	Path              types.String   `tfsdk:"path"`
	ForceDestroy      types.Bool     `tfsdk:"force_destroy"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

// pathKey is where the private state keeps the volume's path.
const pathKey = "path"

var volumeIdentity = framework.Identity{"pool", "name"}

func (m volumeModel) subject() framework.Subject {
	return framework.Subject{Kind: "volume", ID: m.id()}
}

func (m volumeModel) id() string {
	return m.Qualified(m.Pool.ValueString() + "/" + m.Name.ValueString())
}

func (r *volumeResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_volume"
}

func (r *volumeResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = volumeIdentity.Schema()
}

func (r *volumeResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = volumeSchema(ctx)
}

func (r *volumeResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config volumeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return // the checks below need valid sizes
	}
	config.validateOrigin(&resp.Diagnostics)
	config.validateSizes(&resp.Diagnostics)
	config.validateFormat(&resp.Diagnostics)
	if backing := framework.As[backingModel](ctx, config.Backing, &resp.Diagnostics); backing != nil && !config.Backing.IsUnknown() {
		backing.validate(&resp.Diagnostics)
	}
	if _, err := config.seedVolume(ctx, &resp.Diagnostics); err != nil && config.Ignition.IsNull() { // ignition has its own validator
		resp.Diagnostics.AddAttributeError(config.seedPath(), "Invalid seed", framework.Sentence(err))
	}
}

func (r *volumeResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	framework.ImportByPath(ctx, volumeIdentity, r.Scope, findByPath, req, resp)
}

// MoveState takes over by a moved block.
func (r *volumeResource) MoveState(context.Context) []resource.StateMover {
	return volumeIdentity.Movers("netboot_volume", "libvirt_volume", "libvirt_cloudinit_disk", "libvirt_ignition", "libvirt_combustion")
}

func (r *volumeResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config volumeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	r = &volumeResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Create, plan.createTimeout(), &resp.Diagnostics)
	defer cancel()

	made, at, err := r.create(ctx, plan, config, &resp.Diagnostics)
	if err != nil {
		framework.Fail(&resp.Diagnostics, at, "create", plan.subject(), r.waiting(plan, err))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if v := r.refresh(ctx, &plan, &resp.Diagnostics); v != nil && made != nil {
		made.Written = v.ModTime
	}
	r.resumeAll(ctx, plan, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, seedKey, made, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, pathKey, plan.Path.ValueStringPointer(), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(volumeIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Pool, plan.Name)...)
}

func (r *volumeResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	volumeIdentity.Keep(ctx, req, resp)
	var state volumeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	known := framework.LoadPrivate[madeSeed](ctx, req.Private, seedKey, &resp.Diagnostics)
	r = &volumeResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Read, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	v, err := r.Host.Volume(ctx, state.Pool.ValueString(), state.Name.ValueString())
	if framework.IsNotFound(err) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err == nil && state.isImported() {
		err = checkImported(ctx, r.Host, v)
	}
	var now *madeSeed
	if err == nil {
		now, err = r.readSeed(ctx, v, known, state.isImported())
	}
	if err == nil {
		imported := state.isImported()
		if now != nil && state.Preallocation.IsNull() {
			state.Preallocation = types.StringValue("off") // all of a seed is allocated because all of it is written
		}
		err = r.readBacking(ctx, &state, v.Backing, &resp.Diagnostics)
		state.fromVolume(v)
		if imported && now != nil {
			state.takeOver(ctx, *now, &resp.Diagnostics)
		}
		if imported {
			framework.NoteImport(ctx, resp.Private, &resp.Diagnostics)
		}
	}
	if err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "read", state.subject(), err)
		return
	}
	framework.SavePrivate(ctx, resp.Private, seedKey, now, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, pathKey, state.Path.ValueStringPointer(), &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
	resp.Diagnostics.Append(volumeIdentity.Set(ctx, resp.Identity, state.Placement, state.Pool, state.Name)...)
}

// checkImported refuses to import a directory or an incomplete volume.
func checkImported(ctx context.Context, h Host, v virt.Volume) error {
	if v.Format == "dir" {
		return errors.New("it is a directory, which libvirt lists among the volumes of its pool")
	}
	return virt.CheckWhole(ctx, h, v)
}

// Update grows the volume. Other changes replace it, or change nothing on the host.
func (r *volumeResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state volumeModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &volumeResource{r.On(plan.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, plan.Timeouts.Update, framework.CallTimeout, &resp.Diagnostics)
	defer cancel()

	if plan.Capacity.Bytes() > uint64(state.CapacityBytes.ValueInt64()) {
		_, err := r.Host.CheckResize(ctx, plan.Pool.ValueString(), plan.Name.ValueString())
		if err == nil {
			err = r.Host.ResizeVolume(ctx, plan.Pool.ValueString(), plan.Name.ValueString(), plan.Capacity.Bytes(), false)
		}
		if err != nil {
			framework.Fail(&resp.Diagnostics, path.Root("capacity"), "grow", plan.subject(), err)
			return
		}
	}
	r.refresh(ctx, &plan, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(volumeIdentity.Set(ctx, resp.Identity, plan.Placement, plan.Pool, plan.Name)...)
}

// Delete deletes the volume, after it has detached it from the guests that the plan named. It does not delete a volume that has
// other users.
func (r *volumeResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state volumeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	fates := framework.LoadPrivate[netboot.Fates](ctx, req.Private, fatesKey, &resp.Diagnostics)
	r = &volumeResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := framework.Bounded(ctx, state.Timeouts.Delete, framework.TransferTimeout, &resp.Diagnostics)
	defer cancel()

	if fates == nil {
		fates = &netboot.Fates{}
	}
	if err := r.delete(ctx, state, *fates); err != nil {
		framework.Fail(&resp.Diagnostics, path.Empty(), "delete", state.subject(), err)
	}
}

// delete detaches the volume from the guests, and deletes it.
func (r *volumeResource) delete(ctx context.Context, m volumeModel, fates netboot.Fates) error {
	free, err := r.Plans.Waiting.Hold(ctx, slices.Collect(maps.Keys(fates)))
	if err != nil {
		return err
	}
	defer free()
	if !m.ForceDestroy.ValueBool() || len(fates) > 0 {
		if err := r.release(ctx, m, fates); err != nil {
			return err
		}
	}
	err = r.Host.DeleteVolume(ctx, m.Pool.ValueString(), m.Name.ValueString())
	if err != nil && !framework.IsNotFound(err) {
		r.takeBack(context.WithoutCancel(ctx), m, fates)
		return err
	}
	return nil
}

// create creates the volume, and returns what the private state keeps of a seed. With an error it returns the attribute that the
// error is about. Only the configuration has the write-only attributes.
func (r *volumeResource) create(ctx context.Context, m, config volumeModel, diags *diag.Diagnostics) (*madeSeed, path.Path, error) {
	if err := r.ensurePool(ctx, m.Pool.ValueString()); err != nil {
		return nil, path.Root("pool"), err
	}
	v := m.toVolume()
	switch {
	case config.isSeed():
		made, err := r.createSeed(ctx, config, v, diags)
		return made, config.seedPath(), err
	case !m.Source.IsNull():
		at, err := r.populate(ctx, m, v, diags)
		return nil, at, err
	}
	if backing := framework.As[backingModel](ctx, m.Backing, diags); backing != nil {
		if err := r.resolve(ctx, m.Placement, *backing, &v); err != nil {
			return nil, path.Root("backing"), err
		}
	}
	return nil, path.Root("name"), r.Host.CreateVolume(ctx, withLayout(v))
}

// ensurePool creates the default pool if the host does not have it. Any other pool must exist.
func (r *volumeResource) ensurePool(ctx context.Context, name string) error {
	if err := r.PoolMaking.Acquire(ctx, 1); err != nil { // volumes are created in parallel, the pool only once
		return context.Cause(ctx)
	}
	defer r.PoolMaking.Release(1)
	pool, err := r.Host.Pool(ctx, name)
	switch {
	case err == nil && pool.Active:
		return nil
	case err == nil:
		return fmt.Errorf("pool %q is not started; start it: virsh pool-start %s", name, name)
	case !framework.IsNotFound(err):
		return err
	case name != defaultPool:
		return fmt.Errorf("the host has no pool %q; create it, or use another pool (virsh pool-list --all shows them): %w", name, err)
	}
	_, _, err = r.Host.CreatePool(ctx, defaultPool, defaultPoolPath)
	return err
}

// refresh fills in the values that are known after the volume exists, and returns the volume.
func (r *volumeResource) refresh(ctx context.Context, m *volumeModel, diags *diag.Diagnostics) *virt.Volume {
	v, err := r.Host.Volume(ctx, m.Pool.ValueString(), m.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", m.subject(), err)
		m.forgetUnknown()
		return nil
	}
	planned := m.AllocationBytes
	m.fromVolume(v)
	if !planned.IsUnknown() {
		m.AllocationBytes = planned
	}
	return &v
}
