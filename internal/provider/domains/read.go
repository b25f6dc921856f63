package domains

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// read reads the guest on the host into the model.
func (r *domainResource) read(ctx context.Context, m *domainModel, diags *diag.Diagnostics) (virt.Domain, error) {
	domain, err := r.find(ctx, *m)
	if err != nil {
		return domain, err
	}
	imported := m.Memory.IsNull()
	if imported {
		m.fromNote(ctx, domain.Note, diags)
		m.tellOthers(domain, diags)
	}
	if err := r.fromDomain(ctx, m, domain, diags); err != nil {
		return domain, err
	}
	m.fromInstallNote(ctx, domain, imported, diags)
	return domain, r.readAddresses(ctx, m, domain.State, diags)
}

// tellOthers says once, during the import, what the guest has that the resource does not model.
func (m domainModel) tellOthers(domain virt.Domain, diags *diag.Diagnostics) {
	if len(domain.Others) == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q has more than this resource models", domain.Name),
		fmt.Sprintf("The guest also has: %s. This resource never changes these parts. To change them, use virsh edit.", strings.Join(domain.Others, ", ")))
}

// refresh fills in the values that are known after the domain exists.
func (r *domainResource) refresh(ctx context.Context, m *domainModel, diags *diag.Diagnostics) {
	ctx, cancel := context.WithTimeout(ctx, framework.CallTimeout)
	defer cancel()
	addresses, running := m.Addresses, m.Running
	m.made.JustNow = true
	domain, err := r.read(ctx, m, diags)
	if err != nil {
		framework.Fail(diags, path.Empty(), "read", m.subject(), err)
		m.forgetUnknown()
	}
	if !addresses.IsUnknown() {
		m.Addresses = addresses
	}
	if running.ValueBool() && !m.Running.ValueBool() && !diags.HasError() {
		diags.AddAttributeWarning(path.Root("running"), fmt.Sprintf("Domain %q is no longer running", m.Name.ValueString()),
			fmt.Sprintf("The guest was started, and %s. The next plan shows that it is not running. For a guest that shuts itself down, set running = false.", domain.Reason))
	}
	if !diags.HasError() {
		m.Running = running // the next plan finds the state that the guest has now
	}
}

func (r *domainResource) readAddresses(ctx context.Context, m *domainModel, state virt.State, diags *diag.Diagnostics) error {
	found := []string{}
	if state == virt.Running && len(m.Interfaces.Elements()) > 0 {
		addresses, err := r.Host.Addresses(ctx, m.Name.ValueString(), virt.AddressSource(m.AddressesFrom.ValueString()))
		if err != nil && !framework.IsNotFound(err) { // a network that no longer exists has no leases, but the guest exists
			return err
		}
		for _, a := range addresses {
			found = append(found, a.String())
		}
	}
	list, problems := types.ListValueFrom(ctx, types.StringType, found)
	diags.Append(problems...)
	m.Addresses = list
	return nil
}
