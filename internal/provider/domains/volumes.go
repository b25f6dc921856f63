package domains

import (
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
)

// holds are the ids and paths of the volumes that the guest has, as far as they are known.
func (m domainModel) holds() []string {
	return append(devices.Held(m.Placement, m.Disks), devices.Held(m.Placement, m.CDROMs)...)
}

// fate is what becomes of the guest because volumes that it has get other content in this run. Their resource takes them
// from the guest, and gives them back.
func (r *domainResource) fate(plan, state *domainModel) netboot.Fate {
	guest := plan.Name.ValueString()
	r.Plans.Holds.Add(netboot.GuestHolder(guest), plan.holds())
	if state == nil || !plan.Running.ValueBool() {
		return ""
	}
	var fate netboot.Fate
	for _, volume := range plan.holds() {
		fates, _ := r.Plans.Replaced.Find(volume)
		if now := fates[guest]; now == netboot.FateBoot || now == netboot.FateRestart {
			fate = now
		}
	}
	return fate
}
