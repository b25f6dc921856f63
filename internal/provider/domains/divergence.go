package domains

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// divergence is how a running guest differs from its definition: a change was interrupted, or someone changed only the guest or
// only the definition. It has the names of the attributes that differ.
type divergence struct{ Live, Restart []string }

// divergedKey is where a refresh keeps the divergence for the plan, which repairs it.
const divergedKey = "diverged"

func (d *divergence) live() []string {
	if d == nil {
		return nil
	}
	return d.Live
}

// restarts tells whether only a restart repairs the divergence.
func (d *divergence) restarts() bool { return d != nil && len(d.Restart) > 0 }

// divergenceOf returns nil if the running guest equals its definition, or if the guest is shut off. It does not compare all settings,
// because libvirt shows some settings of a running guest differently from their definition.
func divergenceOf(d virt.Domain) *divergence {
	if d.Running == nil {
		return nil
	}
	var found divergence
	switch now := d.Running; {
	case now.MaxVCPUs != d.MaxVCPUs || now.VCPUs > d.VCPUs:
		found.Restart = append(found.Restart, "vcpus")
	case now.VCPUs < d.VCPUs:
		found.Live = append(found.Live, "vcpus")
	}
	if d.Running.MaxMemory != d.MaxMemory {
		found.Restart = append(found.Restart, "memory")
	}
	if !virt.SameDisks(d.Disks, d.Running.Disks) {
		found.Live = append(found.Live, "disks")
	}
	if !maps.Equal(links(d.Interfaces), links(d.Running.Interfaces)) {
		found.Live = append(found.Live, "interfaces")
	}
	if !sameHostdevs(d.Hostdevs, d.Running.Hostdevs) {
		found.Live = append(found.Live, "hostdevs")
	}
	switch devices.ChangeBetween(d.Running.Devices, d.Devices) {
	case devices.MadeLive:
		found.Live = append(found.Live, "devices_xml")
	case devices.NeedsRestart:
		found.Restart = append(found.Restart, "devices_xml")
	}
	if len(found.Live)+len(found.Restart) == 0 {
		return nil
	}
	return &found
}

func sameHostdevs(a, b []virt.Hostdev) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(dev virt.Hostdev) bool { return !slices.Contains(b, dev) })
}

// links are the states of links, by MAC address.
func links(interfaces []virt.Interface) map[string]bool {
	down := map[string]bool{}
	for _, nic := range interfaces {
		down[strings.ToLower(nic.MAC)] = nic.Down
	}
	return down
}

// fixDivergence makes the plan show a change, although nothing in the configuration changes.
func (m *domainModel) fixDivergence(ctx context.Context, state *domainModel, diverged *divergence, diags *diag.Diagnostics) {
	if diverged == nil || state == nil || !state.Running.ValueBool() || !m.Running.ValueBool() || m.replaces(*state) {
		return
	}
	m.Addresses = types.ListUnknown(types.StringType)
	how := "changed while it runs"
	if diverged.restarts() || m.restarts(ctx, *state) {
		how = "restarted"
	}
	diags.AddWarning(fmt.Sprintf("Domain %q differs from its definition", m.Name.ValueString()),
		fmt.Sprintf("A change was interrupted, or was made only in the running guest or only in its definition: %s. To repair this, the guest will be %s.",
			strings.Join(slices.Concat(diverged.Live, diverged.Restart), ", "), how))
}
