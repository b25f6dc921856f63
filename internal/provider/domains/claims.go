package domains

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// claim claims what only one guest can have: its name, its MAC addresses on their networks, and the disks that it writes.
func (r *domainResource) claim(ctx context.Context, m domainModel, state *domainModel, claims framework.Claims, diags *diag.Diagnostics) {
	claims.Add(path.Root("name"), framework.Subject{Kind: "domain", ID: m.Name.ValueString()}, state != nil && !m.Name.Equal(state.Name))
	var before []framework.Subject
	if state != nil {
		for _, owned := range state.owned(ctx, diags) {
			before = append(before, owned.what)
		}
	}
	for _, owned := range m.owned(ctx, diags) {
		isNew := !slices.Contains(before, owned.what)
		if isNew {
			owned.what.ID = r.volumeID(ctx, owned.what.ID)
		}
		claims.Add(owned.at, owned.what, isNew)
	}
}

// volumeID is the id of the volume at a path, so that a disk that is written by its path is the one that another guest has by
// its volume; else what it is given.
func (r *domainResource) volumeID(ctx context.Context, name string) string {
	if !strings.HasPrefix(name, "/") || strings.HasPrefix(name, "/dev/") {
		return name
	}
	pool, volume, err := r.Host.VolumeAt(ctx, name)
	if err != nil {
		return name
	}
	return pool + "/" + volume
}

// diskKind is the kind of a disk that only one guest can have.
const diskKind = "disk"

type owned struct {
	at   path.Path
	what framework.Subject
}

// owned is what only this guest can have, as far as it is known.
func (m domainModel) owned(ctx context.Context, diags *diag.Diagnostics) (all []owned) {
	for i, nic := range framework.Elements[devices.Interface](ctx, m.Interfaces, diags) {
		if what := nic.MACOn(); what.ID != "" {
			all = append(all, owned{path.Root("interfaces").AtListIndex(i).AtName("mac"), what})
		}
	}
	for i, disk := range framework.Elements[devices.Disk](ctx, m.Disks, diags) {
		if disk.ReadOnly.ValueBool() || disk.Shared.ValueBool() {
			continue
		}
		for _, held := range disk.Held(m.Placement) {
			all = append(all, owned{path.Root("disks").AtListIndex(i), framework.Subject{Kind: diskKind, ID: held}})
		}
	}
	return all
}
