package volumes

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// ModifyPlan plans the values that are known, finds the reasons to replace the volume, and refuses a change that an existing
// volume cannot have.
func (r *volumeResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		r.modifyDestroy(ctx, req, resp)
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
	reason := r.unseenReason(plan, config, otherSeed, &resp.Diagnostics)
	if state != nil && reason {
		plan.Path = types.StringUnknown() // so that the plan shows a difference: write-only attributes cannot
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("path"))
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if state == nil || otherSeed || !plan.Format.Equal(state.Format) || !plan.CapacityBytes.Equal(state.CapacityBytes) {
		plan.checkNew(&resp.Diagnostics)
	}
	claims := framework.NewClaims(ctx, r.Plans, plan.subject(), req, resp)
	claims.Add(path.Root("name"), framework.Subject{Kind: "volume", ID: plan.ID.ValueString()}, state != nil && plan.moves(*state))
	if resp.Diagnostics.HasError() {
		return
	}
	if !plan.ID.IsUnknown() {
		r.Plans.Files.Add(plan.key(), netboot.File{Kind: netboot.VolumeFile})
	}
	if state == nil {
		r.planAgain(ctx, plan, req, resp)
		return
	}
	resp.RequiresReplace = append(resp.RequiresReplace, plan.replacing(*state)...)
	r.planChange(ctx, plan, *state, resp)
}

// planChange says what happens to the users of an existing volume, and refuses a change that the volume cannot have.
func (r *volumeResource) planChange(ctx context.Context, plan, state volumeModel, resp *resource.ModifyPlanResponse) {
	var fates netboot.Fates
	switch {
	case plan.moves(state):
		fates = netboot.Fates{} // the plan announces nothing, so the apply may not touch any guest
		r.planMove(ctx, state, &resp.Diagnostics)
	case len(resp.RequiresReplace) > 0 || plan.isOther(state):
		r.checkSource(ctx, plan, &resp.Diagnostics)
		fates = r.planReplacement(state, r.planUsers(ctx, state, &resp.Diagnostics), &resp.Diagnostics)
	default:
		r.Plans.Holds.Add(netboot.OverlayHolder(state.Path.ValueString()), []string{plan.Local(backingVolume(plan)), framework.Member(plan.Backing, "path")})
		plan.checkShrink(state, &resp.Diagnostics)
		r.checkGrow(ctx, plan, state, &resp.Diagnostics)
		r.checkPermissions(ctx, plan, state, &resp.Diagnostics)
	}
	framework.SavePrivate(ctx, resp.Private, fatesKey, &fates, &resp.Diagnostics)
}

// modifyDestroy says in the plan of a destroy who uses the volume.
func (r *volumeResource) modifyDestroy(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var state volumeModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	r = &volumeResource{r.On(state.Placement, &resp.Diagnostics)}
	if resp.Diagnostics.HasError() {
		return
	}
	framework.WarnImported(ctx, req, state.subject(), "deletes its file and the data in it", &resp.Diagnostics)
	fates := r.planDestroy(ctx, state, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, fatesKey, &fates, &resp.Diagnostics)
}

// planAgain finds the users of a volume that is replaced only because of -replace=ADDRESS. Terraform then calls ModifyPlan as for
// a new volume, with the private state of the old volume.
func (r *volumeResource) planAgain(ctx context.Context, plan volumeModel, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	there := framework.LoadPrivate[string](ctx, req.Private, pathKey, &resp.Diagnostics)
	known := framework.LoadPrivate[netboot.Fates](ctx, req.Private, fatesKey, &resp.Diagnostics)
	if there == nil || known != nil {
		return
	}
	plan.Path = types.StringPointerValue(there)
	users := r.planUsers(ctx, plan, &resp.Diagnostics)
	plan.refuseUnsaid(users, &resp.Diagnostics)
	r.checkSource(ctx, plan, &resp.Diagnostics)
	fates := r.planReplacement(plan, users, &resp.Diagnostics)
	framework.SavePrivate(ctx, resp.Private, fatesKey, &fates, &resp.Diagnostics)
}

// refuseUnsaid refuses a replacement that only the user asks for if a running guest does not have a netboot_domain, as far as its
// note tells. Terraform drops the warnings of this call, so only the plan of a netboot_domain can say what happens to the guest.
func (m volumeModel) refuseUnsaid(users virt.Users, diags *diag.Diagnostics) {
	isSaid := func(u virt.User) bool { return !u.Running || u.Note != "" }
	if err := inUse(virt.Users{Guests: slices.DeleteFunc(slices.Clone(users.Guests), isSaid)}); err != nil {
		diags.AddError(fmt.Sprintf("%s is in use", framework.Capital(m.subject().String())), framework.Sentence(err)+
			" Terraform does not show the warnings of a replacement that only -replace or taint causes. Shut the guest down first, or detach the volume from it.")
	}
}

// unseenReason tells whether the volume is replaced for a reason that the plan does not show, and warns of it.
func (r *volumeResource) unseenReason(plan, config volumeModel, otherSeed bool, diags *diag.Diagnostics) bool {
	if plan.Path.IsUnknown() { // the volume is new
		return false
	}
	if otherSeed {
		// At the attribute, a CLI would show its lines, with the secrets in them.
		diags.AddWarning(fmt.Sprintf("Seed of %s has changed", plan.subject()),
			fmt.Sprintf("%s is write-only, so the plan cannot show the change. It shows path as the reason for the replacement.", config.seedPath()))
	}
	base := plan.Local(backingVolume(plan))
	_, otherBase := r.Plans.Replaced.Find(base)
	if otherBase {
		diags.AddAttributeWarning(path.Root("backing"), fmt.Sprintf("Base of %s is replaced", plan.subject()),
			fmt.Sprintf("The data of an overlay belongs to the current content of its base, %q. So the volume is replaced with its base, and the data that was written to it is lost. The plan shows path as the reason for the replacement.", base))
	}
	return otherSeed || otherBase
}

// backingVolume is the id of the backing volume of a volume, or null.
func backingVolume(m volumeModel) types.String {
	return framework.Optional(framework.Member(m.Backing, "volume"))
}

// moves tells whether the plan is for a volume with another name or in another pool. The old volume is then destroyed.
func (m volumeModel) moves(state volumeModel) bool {
	return !m.Pool.Equal(state.Pool) || !m.Name.Equal(state.Name)
}

// complete plans the values that are known. An equal size keeps the spelling of the state, and a volume that does not grow keeps
// its allocation.
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

// replacing are the attributes whose change replaces the volume, in addition to those with RequiresReplace in the schema. If the
// state of an existing volume has no source, a new source is taken as the one that the volume was created from.
func (m volumeModel) replacing(state volumeModel) (paths path.Paths) {
	if !m.ClusterSizeBytes.Equal(state.ClusterSizeBytes) {
		paths = append(paths, path.Root("cluster_size"))
	}
	if !state.Source.IsNull() && !m.Source.IsNull() && !m.Source.Equal(state.Source) {
		paths = append(paths, path.Root("source"))
	}
	if !state.Source.IsNull() && !m.Source.IsNull() && !m.ArchivePath.Equal(state.ArchivePath) {
		paths = append(paths, path.Root("archive_path"))
	}
	if !state.Checksum.IsNull() && !m.Checksum.IsNull() && !m.Checksum.Equal(state.Checksum) {
		paths = append(paths, path.Root("checksum"))
	}
	return paths
}

// isOther tells whether the plan is for another volume than the state.
func (m volumeModel) isOther(state volumeModel) bool {
	return m.moves(state) || !m.Format.Equal(state.Format) ||
		!m.Compat.Equal(state.Compat) || !m.Backing.Equal(state.Backing)
}

func (m volumeModel) checkShrink(state volumeModel, diags *diag.Diagnostics) {
	if m.Capacity.IsNull() || m.Capacity.IsUnknown() || m.Capacity.Bytes() >= uint64(state.CapacityBytes.ValueInt64()) {
		return
	}
	diags.AddAttributeError(path.Root("capacity"), fmt.Sprintf("Unable to shrink %s", m.subject()),
		fmt.Sprintf("The volume has %s, and the plan is %s. The data after the new end would be lost, so a volume can only grow. "+
			"To get a smaller, empty volume, replace this one: -replace=ADDRESS, or another name.", state.Capacity.ValueString(), m.Capacity.ValueString()))
}

// checkPermissions refuses to change an owner, a group or a mode: libvirt can only set them on a new volume. It accepts a change
// that was made on the host already.
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
				fmt.Sprintf("It is %s, and the plan is %s. libvirt sets the %s when it creates a volume, and cannot change it later. Change it on the host: %s %s %s. Or replace the volume, which loses its content: -replace=ADDRESS.",
					wanted.is, wanted.value, wanted.attribute, wanted.command, wanted.value, v.Path))
		}
	}
}
