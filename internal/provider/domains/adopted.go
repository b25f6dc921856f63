package domains

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// adoptedKey is where a resource keeps in what its guest ran otherwise than it was defined when it was imported. Somebody
// wanted that: a disk that was plugged in for a while, memory that comes with the next start. It stays until the guest starts
// again.
const adoptedKey = "adopted"

// without is nil where the divergence is the one that was imported, or is being imported.
func (d *divergence) without(adopted *divergence, imported bool) *divergence {
	if imported || reflect.DeepEqual(d, adopted) {
		return nil
	}
	return d
}

// tellDivergence says at the import in what the guest runs otherwise than it is defined.
func (m domainModel) tellDivergence(d *divergence, diags *diag.Diagnostics) {
	if d == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q does not run as it is defined", m.Name.ValueString()),
		fmt.Sprintf("The running guest and its definition differ in: %s. The resource is what the definition says, and the guest stays as it runs until it starts again. \"virsh dumpxml\" shows the one, with --inactive the other.",
			strings.Join(slices.Concat(d.Live, d.Restart), ", ")))
}

// keepAdopted makes of what a running guest is to become what it is already, where the plan changes nothing of it: the guest
// keeps what it has beyond its definition, and gets nothing that only that has.
func (r *domainResource) keepAdopted(ctx context.Context, wanted *virt.Domain, plan, state domainModel, diags *diag.Diagnostics) error {
	if plan.adopted == nil {
		return nil
	}
	now, err := r.Host.Domain(ctx, wanted.Name)
	if err != nil || now.Running == nil {
		return err
	}
	before, _, err := r.domain(ctx, state, diags)
	if err != nil {
		return err
	}
	running := now.Running
	wanted.Disks, before.Disks = virt.WithOverlays(wanted.Disks, running.Disks), virt.WithOverlays(before.Disks, running.Disks)
	wanted.Disks = kept(wanted.Disks, before.Disks, running.Disks, virt.Disk.Is)
	wanted.Interfaces = kept(wanted.Interfaces, before.Interfaces, running.Interfaces, virt.Interface.Is)
	wanted.Hostdevs = kept(wanted.Hostdevs, before.Hostdevs, running.Hostdevs, virt.Hostdev.Is)
	if plan.DevicesXML.Equal(state.DevicesXML) {
		wanted.Devices = nil
	}
	if plan.VCPUs.Equal(state.VCPUs) {
		wanted.VCPUs = running.VCPUs
	}
	if plan.MemoryBytes.Equal(state.MemoryBytes) {
		wanted.Memory = running.Memory
	}
	return nil
}

// kept is what is wanted of a list of devices, with those that run as if both lists, before and now, had them alike.
func kept[T any](wanted, before, running []T, same func(a, b T) bool) []T {
	has := func(list []T, device T) bool {
		return slices.ContainsFunc(list, func(other T) bool { return same(device, other) })
	}
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(device T) bool { return has(before, device) && !has(running, device) })
	for _, device := range running {
		if !has(before, device) && !has(wanted, device) {
			wanted = append(wanted, device)
		}
	}
	return wanted
}
