package domains

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// noteHeld keeps what the guest uses after this run, for the plans of other resources.
func (r *domainResource) noteHeld(ctx context.Context, m domainModel, diags *diag.Diagnostics) {
	held := m.holds()
	for _, owned := range m.owned(ctx, diags) {
		held = append(held, owned.what.String())
	}
	r.Plans.Holds.Add(netboot.GuestHolder(m.Name.ValueString()), held)
}

// checkRivals refuses to give the guest a disk or a MAC address that any other guest on the host uses, because two guests that write
// to one disk destroy its content. A disk or a MAC address that this run takes from the other guest is free.
func (r *domainResource) checkRivals(ctx context.Context, plan domainModel, state *domainModel, diags *diag.Diagnostics) {
	fresh := plan.fresh(ctx, state, diags)
	if len(fresh) == 0 || diags.HasError() {
		return
	}
	guests, err := r.Host.Guests(ctx)
	if err != nil {
		return // if the host is still unreachable, the apply reports the error
	}
	for _, owned := range fresh {
		names, err := r.namesOf(ctx, owned)
		if err != nil {
			return
		}
		for name, guest := range guests {
			if name == plan.Name.ValueString() || state != nil && guest.UUID == state.UUID.ValueString() || !hasAny(guest, names) {
				continue
			}
			if r.Plans.Frees(ctx, netboot.GuestHolder(name), names...) {
				continue
			}
			diags.AddAttributeError(owned.at, fmt.Sprintf("%s belongs to another guest", framework.Capital(owned.what.String())),
				framework.Sentence(framework.Within(owned.at, fmt.Errorf("guest %q on this host uses it. %s", name, owned.remedy()))))
		}
	}
}

func (o owning) remedy() string {
	if o.disk() {
		return "Two guests that write to one disk destroy its content. Detach the disk from that guest, or use another disk. If both guests only read the disk, set readonly = true; if they share it as a cluster does, set shareable = true in both"
	}
	return "Give this interface another mac, or leave mac out"
}

func (o owning) disk() bool { return o.what.Kind == diskKind }

// namesOf are the names under which the definition of a guest can have a disk or a MAC address.
func (r *domainResource) namesOf(ctx context.Context, o owning) ([]string, error) {
	names := []string{o.what.String(), o.what.ID}
	pool, name, isVolume := strings.Cut(r.volumeID(ctx, o.what.ID), "/")
	if !o.disk() || !isVolume || pool == "" {
		return names, nil
	}
	volume, err := r.Host.Volume(ctx, pool, name)
	if framework.IsNotFound(err) {
		return names, nil
	}
	return append(names, volume.Path), err
}

// hasAny tells whether a guest has a disk that it can write to, or a MAC address, under one of these names.
func hasAny(guest virt.Domain, names []string) bool {
	return slices.ContainsFunc(guest.Disks, func(disk virt.Disk) bool {
		return !disk.ReadOnly && !disk.Shared && (slices.Contains(names, disk.Path) || slices.Contains(names, disk.Volume))
	}) || slices.ContainsFunc(guest.Interfaces, func(nic virt.Interface) bool {
		return slices.Contains(names, devices.MACOn(nic).String())
	})
}
