package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// fillPlan makes known at plan what follows from the configuration and the state.
func (m *domainModel) fillPlan(ctx context.Context, config domainModel, state *domainModel, bootFailed bool, diags *diag.Diagnostics) {
	m.ID = m.qualifiedName(m.Name)
	m.planInstall(config)
	m.MemoryBytes = types.Int64Unknown()
	if !m.Memory.IsUnknown() {
		m.MemoryBytes = types.Int64Value(int64(m.Memory.bytes()))
	}
	if state != nil {
		m.keepWords(*state)
	}
	m.fillMACs(ctx, config, state, diags)
	starts := m.starts(state, bootFailed)
	if state != nil && !starts && m.Running.Equal(state.Running) {
		m.Addresses = state.Addresses
	}
	switch {
	case m.BootCheck.IsNull():
		m.BootResult = types.ObjectNull(bootResultTypes)
	case starts:
		m.BootResult = types.ObjectUnknown(bootResultTypes)
	case state == nil:
		m.BootResult = types.ObjectNull(bootResultTypes)
	default:
		m.BootResult = state.BootResult
	}
}

// keepWords keeps the state's words where the plan says the same in others.
func (m *domainModel) keepWords(state domainModel) {
	if m.MemoryBytes.Equal(state.MemoryBytes) {
		m.Memory = state.Memory
	}
	if isMachine(m.Machine.ValueString(), state.Machine.ValueString()) {
		m.Machine = state.Machine
	}
}

// fillMACs derives the MAC addresses that the user does not give. An interface that is there keeps
// the one it has.
func (m *domainModel) fillMACs(ctx context.Context, config domainModel, state *domainModel, diags *diag.Diagnostics) {
	if m.Interfaces.IsNull() || m.Interfaces.IsUnknown() || hasUnknownElement(m.Interfaces) || m.Name.IsUnknown() {
		return
	}
	var planned, given, old []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &planned, false)...)
	diags.Append(config.Interfaces.ElementsAs(ctx, &given, false)...)
	if state != nil {
		diags.Append(state.Interfaces.ElementsAs(ctx, &old, false)...)
	}
	for i := range planned {
		mac := given[i].MAC
		switch {
		case i < len(old) && (mac.IsNull() || canonicalMAC(mac.ValueString()) == canonicalMAC(old[i].MAC.ValueString())):
			planned[i].MAC = old[i].MAC
		case mac.IsNull():
			planned[i].MAC = hwtypes.NewMACAddressValue(derivedMAC(m.Name.ValueString(), i))
		}
	}
	list, problems := types.ListValueFrom(ctx, interfaceType, planned)
	diags.Append(problems...)
	m.Interfaces = list
}

// starts tells whether the apply starts the guest.
func (m domainModel) starts(state *domainModel, bootFailed bool) bool {
	runs := m.Running.IsUnknown() || m.Running.ValueBool()
	return runs && (state == nil || !state.Running.ValueBool() || bootFailed || m.restarts(*state) || m.installs(state))
}

// replaces tells whether the plan is for another domain than that of the state.
func (m domainModel) replaces(state domainModel) bool {
	return !m.Name.Equal(state.Name) || !m.Arch.Equal(state.Arch)
}

// restarts tells whether a running guest has to start again to get from the state to the plan.
func (m domainModel) restarts(state domainModel) bool {
	return !m.Machine.Equal(state.Machine) || !m.Accelerator.Equal(state.Accelerator) || !m.CPU.Equal(state.CPU) ||
		!m.VCPUs.Equal(state.VCPUs) || !m.MemoryBytes.Equal(state.MemoryBytes) || !m.Boot.Equal(state.Boot) ||
		!m.Disks.Equal(state.Disks) || !m.Interfaces.Equal(state.Interfaces)
}

// checkReferences refuses what lies on another host than the guest.
func (r *domainResource) checkReferences(ctx context.Context, m domainModel, diags *diag.Diagnostics) {
	r.checkReference(m.placed, m.PxelinuxConfig, path.Root("pxelinux_config"), diags)
	if m.Disks.IsUnknown() || hasUnknownElement(m.Disks) {
		return
	}
	var disks []diskModel
	diags.Append(m.Disks.ElementsAs(ctx, &disks, false)...)
	for i, disk := range disks {
		r.checkReference(m.placed, disk.Volume, path.Root("disks").AtListIndex(i).AtName("volume"), diags)
	}
}
