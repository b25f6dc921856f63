package domains

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// transientKey is set in the private state of an imported transient guest, which libvirt forgets when the guest ends.
const transientKey = "transient"

// find looks up a guest, even if another program has renamed it.
func (r *domainResource) find(ctx context.Context, m domainModel) (virt.Domain, error) {
	by := framework.ByName[virt.Domain]{Look: r.Host.Domain, UUID: func(d virt.Domain) string { return d.UUID }, Name: r.Host.DomainName}
	return by.Find(ctx, m.Name, m.UUID)
}

// checkRenamed refuses to create a guest again that only has another name now.
func checkRenamed(ctx context.Context, m domainModel, state *domainModel, private framework.PrivateState, diags *diag.Diagnostics) {
	if state == nil {
		return
	}
	framework.CheckRenamed(ctx, private, "domain", m.Name, state.Name,
		fmt.Sprintf("Or restore its name while it is shut off: virsh domrename %s %s", state.Name.ValueString(), m.Name.ValueString()), diags)
}

// tellTransient warns during the import of a transient guest.
func (r *domainResource) tellTransient(ctx context.Context, d virt.Domain, private framework.PrivateWriter, diags *diag.Diagnostics) {
	if d.State == virt.Off {
		return
	}
	transient, err := r.Host.IsTransient(ctx, d.Name)
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", framework.Subject{Kind: "domain", ID: d.Name}, err)
		return
	}
	if !transient {
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q is transient", d.Name),
		"It was created with virsh create or a similar command, so libvirt forgets it when it ends, and the next plan creates it again. The import does not change that. The first apply that changes the guest defines it, so that it stays when it ends.")
	framework.SavePrivate(ctx, private, transientKey, &transient, diags)
}

// planOthers says what a change does to overlays, snapshots, saved memory and block jobs of other programs, and to a transient guest.
func (r *domainResource) planOthers(ctx context.Context, m *domainModel, state domainModel, private framework.PrivateState, diags *diag.Diagnostics) {
	r.warnOverlays(ctx, *m, state, loadOverlays(ctx, private, diags), diags)
	if framework.LoadPrivate[bool](ctx, private, transientKey, diags) != nil {
		diags.AddWarning(fmt.Sprintf("Domain %q becomes persistent", state.Name.ValueString()), "It is transient: libvirt forgets it when it ends. The apply defines it, so that it stays when it ends.")
	}
	failed, problems := private.GetKey(ctx, bootFailedKey)
	diags.Append(problems...)
	r.planSaved(ctx, m, state, failed != nil, diags)
	changed := len(m.changes(ctx, state)[devices.MadeLive])+len(m.changes(ctx, state)[devices.NeedsRestart]) > 0
	stops := state.Running.ValueBool() && (m.restarts(ctx, state) || !m.Running.ValueBool())
	if !changed && !stops {
		return
	}
	has, err := r.Host.Belongings(ctx, state.Name.ValueString())
	if err != nil {
		framework.Fail(diags, path.Empty(), "read the snapshots and jobs of", state.subject(), err)
		return
	}
	if changed {
		state.warnSnapshots(has, diags)
	}
	m.warnJobs(state, has, stops, diags)
}
