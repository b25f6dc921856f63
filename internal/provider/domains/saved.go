package domains

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// A guest that is saved continues, when it is started, with the machine that it was saved with. A change that a running guest
// could get live it gets after that; any other one needs a fresh boot, so that the saved memory is of no use any more.

// savedGuest is a guest that is saved.
type savedGuest struct {
	machine, defined virt.Domain
	fresh            string // why it needs a fresh boot; "" where it does not
}

// lookSaved finds out whether a guest that does not run is saved, and what a plan makes of that; nil is no.
func (r *domainResource) lookSaved(ctx context.Context, m, state domainModel, failed bool) (*savedGuest, error) {
	if state.Running.ValueBool() {
		return nil, nil
	}
	saved, err := r.Host.SavedDomain(ctx, state.Name.ValueString())
	if err != nil || saved == nil {
		return nil, err
	}
	defined, err := r.Host.Domain(ctx, state.Name.ValueString())
	if err != nil {
		return nil, err
	}
	guest := savedGuest{machine: *saved, defined: defined}
	machine := defined
	machine.Running = saved
	changed := divergenceOf(machine)
	switch restart := m.changes(ctx, state)[devices.NeedsRestart]; {
	case m.installs(&state):
		guest.fresh = "An installation"
	case len(restart) > 0:
		guest.fresh = "A change of " + partNames(restart)
	case m.Running.ValueBool() && failed:
		guest.fresh = "The check of the boot, which has failed,"
	case m.Running.ValueBool() && changed.restarts():
		guest.fresh = "What was changed since, " + strings.Join(changed.Restart, ", ") + ","
	}
	return &guest, nil
}

// planSaved says what becomes of a saved guest's memory.
func (r *domainResource) planSaved(ctx context.Context, m *domainModel, state domainModel, failed bool, diags *diag.Diagnostics) {
	saved, err := r.lookSaved(ctx, *m, state, failed)
	if err != nil {
		framework.Fail(diags, path.Empty(), "look at the saved memory of", m.subject(), err)
		return
	}
	title := fmt.Sprintf("Domain %q is saved", m.Name.ValueString())
	switch {
	case saved == nil:
	case saved.fresh != "":
		diags.AddWarning(title, fmt.Sprintf("%s takes effect only with a fresh boot, so the apply discards the saved memory (virsh managedsave): what the guest has not written to its disks is lost. "+
			"To keep it, start the guest and shut it down first.", saved.fresh))
	case m.Running.ValueBool():
		if err := virt.CheckSavedDisks(saved.defined, saved.machine); err != nil { // no error yet, which would stop a destroy too
			diags.AddAttributeWarning(path.Root("running"), title, "The apply cannot resume it. "+framework.Sentence(err))
			return
		}
		m.BootResult = state.BootResult
		diags.AddWarning(title, "The apply resumes the guest from its saved memory (virsh managedsave): it continues where it was, and does not boot.")
	}
}

// catchUp gives a guest that was resumed what was changed while it was saved.
func (r *domainResource) catchUp(ctx context.Context, m domainModel, diags *diag.Diagnostics) {
	domain, _, err := r.domain(ctx, m, diags)
	if err == nil {
		domain.CDROMs = nil // what the guest has ejected is not put in again
		err = r.Host.UpdateRunningDomain(ctx, domain)
	}
	if err != nil {
		framework.Fail(diags, path.Root("running"), "change the resumed", m.subject(), err)
	}
}
