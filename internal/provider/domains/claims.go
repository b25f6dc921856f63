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

// claim claims what only one guest can have: its name, its MAC addresses on their networks, and the disks that it can write to.
func (r *domainResource) claim(ctx context.Context, m domainModel, state *domainModel, claims framework.Claims, diags *diag.Diagnostics) {
	claims.Add(path.Root("name"), framework.Subject{Kind: "domain", ID: m.Name.ValueString()}, state != nil && !m.Name.Equal(state.Name))
	fresh := m.fresh(ctx, state, diags)
	for _, owned := range m.owned(ctx, diags) {
		isNew := slices.ContainsFunc(fresh, func(o owning) bool { return o.what == owned.what })
		if isNew {
			owned.what.ID = r.volumeID(ctx, owned.what.ID)
		}
		claims.Add(owned.at, owned.what, isNew)
	}
}

// fresh is what only this guest can have, and does not have yet.
func (m domainModel) fresh(ctx context.Context, state *domainModel, diags *diag.Diagnostics) []owning {
	var had []owning
	if state != nil {
		had = state.owned(ctx, diags)
	}
	return slices.DeleteFunc(m.owned(ctx, diags), func(o owning) bool {
		return slices.ContainsFunc(had, func(h owning) bool { return h.what == o.what })
	})
}

// volumeID is the id of the volume at a path, so that a disk that one guest has by path equals the disk that another guest has by
// volume. It returns the name unchanged if that is not the path of a volume.
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

// owning is something that only one guest can have, and the attribute that sets it.
type owning struct {
	at   path.Path
	what framework.Subject
}

// owned is what only this guest can have, as far as it is known.
func (m domainModel) owned(ctx context.Context, diags *diag.Diagnostics) (all []owning) {
	for i, nic := range framework.Elements[devices.Interface](ctx, m.Interfaces, diags) {
		if what := nic.MACOn(); what.ID != "" {
			all = append(all, owning{path.Root("interfaces").AtListIndex(i).AtName("mac"), what})
		}
	}
	for i, disk := range framework.Elements[devices.Disk](ctx, m.Disks, diags) {
		if disk.ReadOnly.ValueBool() || disk.Shared.ValueBool() {
			continue
		}
		for _, held := range disk.Held(m.Placement) {
			all = append(all, owning{path.Root("disks").AtListIndex(i), framework.Subject{Kind: diskKind, ID: held}})
		}
	}
	return all
}
