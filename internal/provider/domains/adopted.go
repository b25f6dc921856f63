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

// adoptedKey is where a resource keeps how its running guest differed from its definition when it was imported. Someone wanted
// that difference: a disk that is attached only for a while, or memory that changes with the next start. It stays until the guest
// starts again.
const adoptedKey = "adopted"

// without is nil if the divergence is the one that was imported, or that is being imported.
func (d *divergence) without(adopted *divergence, imported bool) *divergence {
	if imported || reflect.DeepEqual(d, adopted) {
		return nil
	}
	return d
}

// tellDivergence warns during the import how the running guest differs from its definition.
func (m domainModel) tellDivergence(d *divergence, diags *diag.Diagnostics) {
	if d == nil {
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q differs from its definition", m.Name.ValueString()),
		fmt.Sprintf("The running guest and its definition differ in: %s. The state of the resource is the definition. The running guest stays unchanged until it starts again. \"virsh dumpxml\" shows the running guest, and \"virsh dumpxml --inactive\" the definition.",
			strings.Join(slices.Concat(d.Live, d.Restart), ", ")))
}

// keepAdopted makes the wanted guest equal to the running guest in everything that the plan does not change: the guest keeps the
// devices that its definition does not have, and does not get the devices that only the definition has.
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

// kept is the wanted list of devices, changed only in the devices that differ between the definition before and the running guest:
// those stay as they are in the running guest.
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
