package volumes

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// ModifyPlan makes known what can be, finds what replaces the volume, and refuses what cannot be done to
// one that is there.
func (r *volumeResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan volumeModel
	var state *volumeModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	known := framework.LoadPrivate[madeSeed](ctx, req.Private, seedKey, &resp.Diagnostics)
	r = &volumeResource{r.On(plan.Placement, &resp.Diagnostics)}
	r.CheckReference(plan.Placement, types.StringValue(framework.Member(plan.Backing, "volume")), path.Root("backing").AtName("volume"), &resp.Diagnostics)
	if resp.Diagnostics.HasError() || plan.Host.IsUnknown() {
		return
	}
	otherSeed := r.planSeed(ctx, config, &plan, state, known, &resp.Diagnostics)
	plan.complete(config, state)
	if state != nil && otherSeed {
		plan.Path = types.StringUnknown() // it differs then, which what is write-only cannot
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("path"))
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || otherSeed || !plan.Format.Equal(state.Format) || !plan.CapacityBytes.Equal(state.CapacityBytes) {
		plan.checkNew(&resp.Diagnostics)
	}
	if state == nil {
		return
	}
	resp.RequiresReplace = append(resp.RequiresReplace, plan.replacing(*state)...)
	if len(resp.RequiresReplace) == 0 && !plan.isOther(*state) {
		plan.checkShrink(*state, &resp.Diagnostics)
		r.checkGrow(ctx, plan, *state, &resp.Diagnostics)
		r.checkPermissions(ctx, plan, *state, &resp.Diagnostics)
	}
}

// complete makes known what a plan can tell. An equal size keeps the state's words, and a volume that
// does not grow takes no more room.
func (m *volumeModel) complete(config volumeModel, state *volumeModel) {
	if !m.Name.IsUnknown() && !m.Pool.IsUnknown() {
		m.ID = types.StringValue(m.id())
	}
	switch {
	case config.Preallocation.IsNull() && state != nil && state.Preallocation.IsNull():
		m.Preallocation = types.StringNull()
	case config.Preallocation.IsNull() && m.Preallocation.IsUnknown():
		m.Preallocation = types.StringValue("off")
	}
	if m.Format.ValueString() == "raw" {
		m.Compat, m.ClusterSize = types.StringNull(), framework.NullSize()
	}
	m.CapacityBytes, m.ClusterSizeBytes = m.Capacity.Number(), m.ClusterSize.Number()
	if state == nil {
		return
	}
	if m.CapacityBytes.Equal(state.CapacityBytes) {
		m.Capacity, m.AllocationBytes = state.Capacity, state.AllocationBytes
	}
	if m.ClusterSizeBytes.Equal(state.ClusterSizeBytes) {
		m.ClusterSize = state.ClusterSize
	}
	if sameMode(m.Mode.ValueString(), state.Mode.ValueString()) {
		m.Mode = state.Mode
	}
}

// replacing are the attributes whose change replaces the volume, beside those that the schema names. A
// source for a volume that is there, of which none is known, is what it was made of.
func (m volumeModel) replacing(state volumeModel) (paths path.Paths) {
	if !m.ClusterSizeBytes.Equal(state.ClusterSizeBytes) {
		paths = append(paths, path.Root("cluster_size"))
	}
	if !state.Source.IsNull() && !m.Source.IsNull() && !m.Source.Equal(state.Source) {
		paths = append(paths, path.Root("source"))
	}
	if !state.Checksum.IsNull() && !m.Checksum.IsNull() && !m.Checksum.Equal(state.Checksum) {
		paths = append(paths, path.Root("checksum"))
	}
	return paths
}

// isOther tells whether the plan is for another volume than that of the state.
func (m volumeModel) isOther(state volumeModel) bool {
	return !m.Pool.Equal(state.Pool) || !m.Name.Equal(state.Name) || !m.Format.Equal(state.Format) ||
		!m.Compat.Equal(state.Compat) || !m.Backing.Equal(state.Backing)
}

func (m volumeModel) checkShrink(state volumeModel, diags *diag.Diagnostics) {
	if m.Capacity.IsNull() || m.Capacity.IsUnknown() || m.Capacity.Bytes() >= uint64(state.CapacityBytes.ValueInt64()) {
		return
	}
	diags.AddAttributeError(path.Root("capacity"), fmt.Sprintf("Unable to shrink %s", m.subject()),
		fmt.Sprintf("It has %s and %s are planned. What lies behind the new end would be lost, so volumes only grow. "+
			"To begin again with an empty smaller one, replace it: -replace=ADDRESS, or another name.", state.Capacity.ValueString(), m.Capacity.ValueString()))
}

// checkPermissions refuses to change an owner, a group or a mode: libvirt can only give them to a new
// volume. What somebody else has changed on the host as wanted is in order.
func (r *volumeResource) checkPermissions(ctx context.Context, m, state volumeModel, diags *diag.Diagnostics) {
	if m.Owner.Equal(state.Owner) && m.Group.Equal(state.Group) && m.Mode.Equal(state.Mode) {
		return
	}
	v, err := r.Host.Volume(ctx, m.Pool.ValueString(), m.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", m.subject(), err)
		return
	}
	for _, wanted := range []struct {
		attribute, command, value, is string
		same                          bool
	}{
		{"owner", "chown", decimal(m.Owner), v.Owner, m.Owner.Equal(state.Owner) || m.Owner.IsUnknown() || decimal(m.Owner) == v.Owner},
		{"group", "chgrp", decimal(m.Group), v.Group, m.Group.Equal(state.Group) || m.Group.IsUnknown() || decimal(m.Group) == v.Group},
		{"mode", "chmod", m.Mode.ValueString(), v.Mode, m.Mode.IsUnknown() || sameMode(m.Mode.ValueString(), v.Mode)},
	} {
		if !wanted.same {
			diags.AddAttributeError(path.Root(wanted.attribute), fmt.Sprintf("Unable to change the %s of %s", wanted.attribute, m.subject()),
				fmt.Sprintf("It is %s, and %s is planned. libvirt gives a volume its %s when it is made, and cannot change it. On the host: %s %s %s. Or replace the volume, which loses its content: -replace=ADDRESS.",
					wanted.is, wanted.value, wanted.attribute, wanted.command, wanted.value, v.Path))
		}
	}
}
