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

// overlaysKey is where a refresh keeps the overlays that others have put over disks, for the plan.
const overlaysKey = "overlays"

func loadOverlays(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) []devices.Overlay {
	kept := framework.LoadPrivate[[]devices.Overlay](ctx, private, overlaysKey, diags)
	if kept == nil {
		return nil
	}
	return *kept
}

// tellForeign says what others have done to the disks of a guest.
func (m domainModel) tellForeign(diags *diag.Diagnostics) {
	name := m.Name.ValueString()
	for _, o := range m.foreign.Overlays {
		diags.AddWarning(fmt.Sprintf("A disk of domain %q has an overlay", name),
			fmt.Sprintf("%s lies beneath %s%s. Others have put that file over the disk, as a snapshot, a backup or a block job does, and what the guest writes is in that file. "+
				"This is no change: every plan and every apply leaves it so. %s", o.Disk, o.File, o.Since(), o.End(name)))
	}
	switch gone, come := m.foreign.Gone, m.foreign.Come; {
	case len(gone) == 0 || len(come) == 0:
	case sameFiles(gone, come):
		diags.AddWarning(fmt.Sprintf("A volume of domain %q is gone", name),
			fmt.Sprintf("The guest has %s, which is no volume of the host any more: it was deleted, or a run that replaced it did not finish. The plan makes it where the configuration has it.", strings.Join(gone, ", ")))
	default:
		diags.AddWarning(fmt.Sprintf("Domain %q has another disk", name),
			fmt.Sprintf("The guest has %s, and had %s: others have changed the guest, or have moved the disk, as virsh blockcopy does. "+
				"Where the configuration still says the latter, an apply gives the guest that again, without what was written since. To keep what the guest has, write it into the configuration.",
				strings.Join(come, ", "), strings.Join(gone, ", ")))
	}
}

// sameFiles tells whether volumes, by their ids, have the names of files.
func sameFiles(volumes, files []string) bool {
	for i := range volumes {
		if i >= len(files) || path.Base(volumes[i]) != path.Base(files[i]) {
			return false
		}
	}
	return len(volumes) == len(files)
}

// warnOverlays says what becomes of overlays where the plan changes the disks beneath.
func (r *domainResource) warnOverlays(ctx context.Context, m, state domainModel, overlays []devices.Overlay, diags *diag.Diagnostics) {
	if m.Disks.IsUnknown() || m.Disks.Equal(state.Disks) {
		return
	}
	name := m.Name.ValueString()
	for _, o := range overlays {
		if !devices.Has(ctx, m.Disks, o.Disk, diags) && !devices.Has(ctx, m.Disks, o.Name, diags) {
			diags.AddWarning(fmt.Sprintf("A disk that domain %q loses has an overlay", name),
				fmt.Sprintf("The guest loses %s, which lies beneath %s%s. That file stays on the host, and what was written since is in it alone.", o.Disk, o.File, o.Since()))
		}
	}
	added := devices.Added(ctx, r.Host, m.Placement, state.Disks, m.Disks, diags)
	if len(added) == 0 {
		return
	}
	kept, err := r.Host.DisksWithOverlays(ctx, name, added)
	if err != nil {
		return // the apply asks again
	}
	for i, disk := range added {
		if kept[i].Is(disk) {
			continue
		}
		diags.AddWarning(fmt.Sprintf("Domain %q keeps an overlay", name),
			fmt.Sprintf("%s lies beneath %s, which the guest has. The apply leaves the guest so: with the file beneath, it would lose what was written since. "+
				"To give it the file beneath all the same, take the disk out of the configuration in one apply, and put the other one in in the next.", disk.Where(), kept[i].Where()))
	}
}

// warnReplaced says what a new guest does not have of the one in whose place it comes.
func (m domainModel) warnReplaced(overlays []devices.Overlay, diags *diag.Diagnostics) {
	for _, o := range overlays {
		diags.AddWarning("A disk of a domain that is replaced has an overlay",
			fmt.Sprintf("The guest that is destroyed has %s, which lies over %s%s, and what it wrote since is in that file alone, which stays on the host. The new guest %q does not have that. To keep it, end the overlay first.",
				o.File, o.Disk, o.Since(), m.Name.ValueString()))
	}
}

// keepHad remembers what the guest has before its disks change, so that a change that is taken back gives it the same again.
func (r *domainResource) keepHad(ctx context.Context, plan domainModel, state *domainModel, diags *diag.Diagnostics) {
	if plan.Disks.Equal(state.Disks) {
		return
	}
	domain, _, err := r.domain(ctx, *state, diags)
	if err != nil {
		return // of a volume that is gone nothing can be given back
	}
	if had, err := r.Host.DisksWithOverlays(ctx, domain.Name, domain.Disks); err == nil {
		state.had = had
	}
}

// planDestroy says what else goes with a domain, and what stays of it.
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
		return // the destroy tells
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
		detail = fmt.Sprintf("This goes with the guest: %s.", strings.Join(goes, ", "))
	}
	if len(has.Snapshots) > 0 {
		detail += " The content of snapshots stays in the files of the disks, and nothing can revert to them any more."
	}
	if len(overlays) > 0 {
		detail += fmt.Sprintf(" These files stay, which lie over disks and have what the guest wrote last: %s.", strings.Join(framework.Each(overlays, func(o devices.Overlay) string { return o.File }), ", "))
	}
	diags.AddWarning(fmt.Sprintf("Domain %q has more than its definition", name), strings.TrimSpace(detail))
}

func named(kind string, names []string) []string {
	return framework.Each(names, func(name string) string { return fmt.Sprintf("%s %q", kind, name) })
}

// warnSnapshots says what a change of the definition means for snapshots.
func (m domainModel) warnSnapshots(has virt.Belongings, diags *diag.Diagnostics) {
	if len(has.Snapshots) > 0 {
		diags.AddWarning(fmt.Sprintf("Domain %q has snapshots", m.Name.ValueString()),
			fmt.Sprintf("They stay: %s. Whoever reverts to one gets the guest as it was defined then, and the next plan shows that.", strings.Join(has.Snapshots, ", ")))
	}
}

// warnJobs says what a change does to the jobs that run on disks.
func (m domainModel) warnJobs(state domainModel, has virt.Belongings, stops bool, diags *diag.Diagnostics) {
	if len(has.Jobs) == 0 {
		return
	}
	title, jobs := fmt.Sprintf("A block job runs on domain %q", m.Name.ValueString()), strings.Join(has.Jobs, ", ")
	switch {
	case stops:
		diags.AddWarning(title, fmt.Sprintf("The apply stops the guest, which ends the job before it is done: %s. To let it end first, apply later; virsh blockjob shows how far it is.", jobs))
	case !m.Disks.Equal(state.Disks):
		diags.AddWarning(title, fmt.Sprintf("libvirt takes no disk from a guest on which one runs: %s. If it is one that the guest loses, the apply fails and changes nothing; apply again when the job has ended.", jobs))
	}
}
