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

// read takes over what the host has.
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

// tellOthers says once, at the import, what the guest has beside what the resource models.
func (m domainModel) tellOthers(domain virt.Domain, diags *diag.Diagnostics) {
	if len(domain.Others) == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q has more than this resource models", domain.Name),
		fmt.Sprintf("It also has: %s. This stays as it is, whatever the resource changes. Change it with virsh edit.", strings.Join(domain.Others, ", ")))
}

// refresh fills in what is known once the domain is there.
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
		diags.AddAttributeWarning(path.Root("running"), fmt.Sprintf("Domain %q does not run any more", m.Name.ValueString()),
			fmt.Sprintf("The guest was started, and %s. The next plan shows it as stopped; for a guest that ends by itself, set running = false.", domain.Reason))
	}
	if !diags.HasError() {
		m.Running = running // what it became since is for the next plan to find
	}
}

func (r *domainResource) readAddresses(ctx context.Context, m *domainModel, state virt.State, diags *diag.Diagnostics) error {
	found := []string{}
	if state == virt.Running && len(m.Interfaces.Elements()) > 0 {
		addresses, err := r.Host.Addresses(ctx, m.Name.ValueString(), virt.AddressSource(m.AddressesFrom.ValueString()))
		if err != nil && !framework.IsNotFound(err) { // a network that is gone has no leases, but the guest is there
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
