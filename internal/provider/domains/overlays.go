package domains

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// overlaysKey is where a refresh keeps for the plan the overlays that other programs have put on disks.
const overlaysKey = "overlays"

func loadOverlays(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []devices.Overlay {
	kept := framework.LoadPrivate[[]devices.Overlay](ctx, private, overlaysKey, diags)
	if kept == nil {
		return nil
	}
	return *kept
}

// tellForeign says what other programs have done to the disks of a guest.
func (m domainModel) tellForeign(diags *diag.Diagnostics) {
	name := m.Name.ValueString()
	for _, o := range m.foreign.Overlays {
		diags.AddWarning(fmt.Sprintf("A disk of domain %q has an overlay", name),
			fmt.Sprintf("%s is the backing of %s%s. Another program has put that overlay on the disk, as a snapshot, a backup or a block job does. The guest writes to the overlay. "+
				"This is not a change: no plan and no apply removes the overlay. %s", o.Disk, o.File, o.Since(), o.End(name)))
	}
	switch gone, come := m.foreign.Gone, m.foreign.Come; {
	case len(gone) == 0 || len(come) == 0:
	case sameFiles(gone, come):
		diags.AddWarning(fmt.Sprintf("A volume of domain %q no longer exists", name),
			fmt.Sprintf("The guest uses %s, which is no longer a volume on the host: it was deleted, or a run that replaced it did not finish. If the configuration has the volume, the plan creates it.", strings.Join(gone, ", ")))
	default:
		diags.AddWarning(fmt.Sprintf("Domain %q has another disk", name),
			fmt.Sprintf("The guest uses %[1]s instead of %[2]s: another program has changed the guest, or has moved the disk, as virsh blockcopy does. "+
				"If the configuration still has %[2]s, an apply gives the guest that disk again, without the data that was written since the change. To keep %[1]s, add it to the configuration instead.",
				strings.Join(come, ", "), strings.Join(gone, ", ")))
	}
}

// sameFiles tells whether the volumes with these ids have the same names as the files.
func sameFiles(volumes, files []string) bool {
	for i := range volumes {
		if i >= len(files) || path.Base(volumes[i]) != path.Base(files[i]) {
			return false
		}
	}
	return len(volumes) == len(files)
}

// warnOverlays says what happens to overlays if the plan changes the disks that they are on.
func (r *domainResource) warnOverlays(ctx context.Context, m, state domainModel, overlays []devices.Overlay, diags *diag.Diagnostics) {
	if m.Disks.IsUnknown() || m.Disks.Equal(state.Disks) {
		return
	}
	name := m.Name.ValueString()
	for _, o := range overlays {
		if !devices.Has(ctx, m.Disks, o.Disk, diags) && !devices.Has(ctx, m.Disks, o.Name, diags) {
			diags.AddWarning(fmt.Sprintf("A disk removed from domain %q has an overlay", name),
				fmt.Sprintf("The plan removes %s from the guest. The disk is the backing of %s%s. That overlay stays on the host, and only it has the data that the guest wrote to it.", o.Disk, o.File, o.Since()))
		}
	}
	added := devices.Added(ctx, r.Host, m.Placement, state.Disks, m.Disks, diags)
	if len(added) == 0 {
		return
	}
	kept, err := r.Host.DisksWithOverlays(ctx, name, added)
	if err != nil {
		return // the apply reads them again
	}
	for i, disk := range added {
		if kept[i].Is(disk) {
			continue
		}
		diags.AddWarning(fmt.Sprintf("Domain %q keeps an overlay", name),
			fmt.Sprintf("%[1]s is the backing of %[2]s, which the guest uses. The apply keeps %[2]s: with %[1]s the guest would lose the data that was written to the overlay. "+
				"To use %[1]s anyway, remove the disk from the configuration in one apply, and add %[1]s in the next.", disk.Where(), kept[i].Where()))
	}
}

// warnReplaced says which data of a replaced guest the new guest does not have.
func (m domainModel) warnReplaced(overlays []devices.Overlay, diags *diag.Diagnostics) {
	for _, o := range overlays {
		diags.AddWarning("A disk of a domain that is replaced has an overlay",
			fmt.Sprintf("The guest that is destroyed uses %s, an overlay on %s%s. Only the overlay has the data that the guest wrote to it. The overlay stays on the host, but the new guest %q does not use it. To keep the data, end the overlay first.",
				o.File, o.Disk, o.Since(), m.Name.ValueString()))
	}
}

// keepHad remembers the disks that the guest has before they change, so that a change that is undone restores the same disks.
func (r *domainResource) keepHad(ctx context.Context, plan domainModel, state *domainModel, diags *diag.Diagnostics) {
	if plan.Disks.Equal(state.Disks) {
		return
	}
	domain, _, err := r.domain(ctx, *state, diags)
	if err != nil {
		return // a volume that no longer exists cannot be restored
	}
	if had, err := r.Host.DisksWithOverlays(ctx, domain.Name, domain.Disks); err == nil {
		state.had = had
	}
}

// planDestroy says what else is removed with a domain, and what stays.
func (r *domainResource) planDestroy(ctx context.Context, req resource.ModifyPlanRequest, diags *diag.Diagnostics) {
	var state domainModel
	diags.Append(req.State.Get(ctx, &state)...)
	overlays := loadOverlays(ctx, req.Private, diags)
	r = &domainResource{r.On(state.Placement, diags)}
	if diags.HasError() {
		return
	}
	name := state.Name.ValueString()
	r.Plans.Holds.Add(netboot.GuestHolder(name), nil)
	framework.WarnImported(ctx, req, state.subject(), "stops it and removes its definition; its disks stay", diags)
	has, err := r.Host.Belongings(ctx, name)
	if err != nil {
		return // the destroy reports the error
	}
	var goes []string
	if has.Saved {
		goes = append(goes, "its saved memory (virsh managedsave)")
	}
	goes = append(goes, named("snapshot", has.Snapshots)...)
	goes = append(goes, named("checkpoint", has.Checkpoints)...)
	goes = append(goes, has.Jobs...)
	if len(goes) == 0 && len(overlays) == 0 {
		return
	}
	detail := ""
	if len(goes) > 0 {
		detail = fmt.Sprintf("The destroy also removes: %s.", strings.Join(goes, ", "))
	}
	if len(has.Snapshots) > 0 {
		detail += " The content of the snapshots stays in the files of the disks, but it is no longer possible to revert to them."
	}
	if len(overlays) > 0 {
		detail += fmt.Sprintf(" These overlays on disks stay on the host, and contain the data that the guest wrote last: %s.", strings.Join(framework.Each(overlays, func(o devices.Overlay) string { return o.File }), ", "))
	}
	diags.AddWarning(fmt.Sprintf("Domain %q has more than its definition", name), strings.TrimSpace(detail))
}

func named(kind string, names []string) []string {
	return framework.Each(names, func(name string) string { return fmt.Sprintf("%s %q", kind, name) })
}

// warnSnapshots says what a change of the definition does to snapshots.
func (m domainModel) warnSnapshots(has virt.Belongings, diags *diag.Diagnostics) {
	if len(has.Snapshots) > 0 {
		diags.AddWarning(fmt.Sprintf("Domain %q has snapshots", m.Name.ValueString()),
			fmt.Sprintf("The snapshots stay: %s. If you revert to a snapshot, the guest gets the definition of that time, and the next plan shows the difference.", strings.Join(has.Snapshots, ", ")))
	}
}

// warnJobs says what a change does to running block jobs.
func (m domainModel) warnJobs(state domainModel, has virt.Belongings, stops bool, diags *diag.Diagnostics) {
	if len(has.Jobs) == 0 {
		return
	}
	title, jobs := fmt.Sprintf("A block job runs on domain %q", m.Name.ValueString()), strings.Join(has.Jobs, ", ")
	switch {
	case stops:
		diags.AddWarning(title, fmt.Sprintf("The apply stops the guest, which ends the job before it is complete: %s. To let the job complete first, apply later; virsh blockjob shows its progress.", jobs))
	case !m.Disks.Equal(state.Disks):
		diags.AddWarning(title, fmt.Sprintf("libvirt cannot detach a disk during a block job: %s. If the plan removes that disk, the apply fails and changes nothing. Apply again when the job has ended.", jobs))
	}
}
