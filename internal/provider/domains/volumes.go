package domains

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// holds are the ids and paths of the volumes and of the image that the guest uses, as far as they are known.
func (m domainModel) holds() []string {
	image := m.Local(framework.Optional(framework.Member(m.Kernel, "image")))
	return slices.Concat(devices.Held(m.Placement, m.Disks), devices.Held(m.Placement, m.CDROMs), []string{image})
}

// followVolumes says what happens to a running guest because its volumes get other content in this run, and returns the strongest
// of its fates. The resource of the volume detaches the volume from the guest, and attaches it again.
func (r *domainResource) followVolumes(plan, state *domainModel, diags *diag.Diagnostics) netboot.Fate {
	guest := plan.Name.ValueString()
	if state == nil || !plan.Running.ValueBool() || plan.replaces(*state) {
		return ""
	}
	by := map[netboot.Fate][]string{}
	for _, volume := range plan.holds() {
		fates, _ := r.Plans.Replaced.Find(volume)
		by[fates[guest]] = append(by[fates[guest]], volume)
	}
	stopping := append(by[netboot.FateRestart], by[netboot.FateBoot]...)
	switch {
	case len(stopping) > 0:
		diags.AddAttributeWarning(path.Root("disks"), fmt.Sprintf("Domain %q will be restarted", guest),
			fmt.Sprintf("The guest runs with %s, which is replaced. The guest is asked to shut down first, and is forced off if it still runs after %v.", strings.Join(stopping, ", "), plan.patience()))
	case len(by[netboot.FatePlug]) > 0:
		diags.AddAttributeWarning(path.Root("disks"), fmt.Sprintf("Domain %q will be changed while it runs", guest),
			fmt.Sprintf("The guest only reads %s, which is replaced. It is detached from the guest, and attached again with the new content. Unmount it in the guest first.", strings.Join(by[netboot.FatePlug], ", ")))
	}
	switch {
	case len(by[netboot.FateBoot]) > 0:
		return netboot.FateBoot
	case len(stopping) > 0:
		return netboot.FateRestart
	default:
		return ""
	}
}
