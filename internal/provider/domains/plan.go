package domains

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// fillPlan makes known at plan what follows from the configuration and the state. The guest starts again
// where its last boot has failed, or it runs otherwise than it is defined.
func (m *domainModel) fillPlan(ctx context.Context, config domainModel, state *domainModel, again bool, diags *diag.Diagnostics) {
	m.ID = m.QualifiedName(m.Name)
	m.planInstall(config)
	m.MemoryBytes = types.Int64Unknown()
	if !m.Memory.IsUnknown() {
		m.MemoryBytes = types.Int64Value(int64(m.Memory.Bytes()))
	}
	m.fillMost(config, state)
	m.fillConsoles(ctx, config, state, diags)
	if state != nil {
		m.keepWords(*state)
	}
	m.fillMACs(ctx, config, state, diags)
	starts := m.starts(ctx, state, again)
	if state != nil && !starts && m.Running.Equal(state.Running) && m.AddressesFrom.Equal(state.AddressesFrom) {
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

// fillMost plans as many processors and as much memory at most as there are at first, where the user
// does not say. An imported guest may have more, which stay.
func (m *domainModel) fillMost(config domainModel, state *domainModel) {
	if config.MaxVCPUs.IsNull() {
		m.MaxVCPUs = m.VCPUs
		if state != nil && state.MaxVCPUs.ValueInt64() > max(state.VCPUs.ValueInt64(), m.VCPUs.ValueInt64()) {
			m.MaxVCPUs = state.MaxVCPUs
		}
	}
	if config.MaxMemory.IsNull() {
		m.MaxMemory = framework.UnknownSize()
		switch {
		case m.Memory.IsUnknown():
		case state != nil && state.MaxMemory.Bytes() > max(state.Memory.Bytes(), m.Memory.Bytes()):
			m.MaxMemory = state.MaxMemory
		default:
			m.MaxMemory = framework.NewSize(m.Memory.Bytes())
		}
	}
	m.MaxMemoryBytes = types.Int64Unknown()
	if !m.MaxMemory.IsUnknown() {
		m.MaxMemoryBytes = types.Int64Value(int64(m.MaxMemory.Bytes()))
	}
}

// fillConsoles plans the console of the architecture, where the user names none and the guest has none.
func (m *domainModel) fillConsoles(ctx context.Context, config domainModel, state *domainModel, diags *diag.Diagnostics) {
	switch {
	case !config.Consoles.IsNull():
	case state != nil && !m.replaces(*state):
		m.Consoles = state.Consoles
	case !m.Arch.IsUnknown():
		m.Consoles = framework.ListFrom(ctx, types.StringType, []string{arch.Of(m.Arch.ValueString()).DefaultConsole()}, diags)
	}
}

// keepWords keeps the state's words where the plan says the same in others.
func (m *domainModel) keepWords(state domainModel) {
	if m.MemoryBytes.Equal(state.MemoryBytes) {
		m.Memory = state.Memory
	}
	if m.MaxMemoryBytes.Equal(state.MaxMemoryBytes) {
		m.MaxMemory = state.MaxMemory
	}
	if isMachine(m.Machine.ValueString(), state.Machine.ValueString()) {
		m.Machine = state.Machine
	}
}

// fillMACs derives the MAC addresses that the user does not give. An interface that is there keeps
// the one it has.
func (m *domainModel) fillMACs(ctx context.Context, config domainModel, state *domainModel, diags *diag.Diagnostics) {
	if m.Interfaces.IsNull() || m.Interfaces.IsUnknown() || framework.HasUnknownElement(m.Interfaces) || m.Name.IsUnknown() {
		return
	}
	var planned, given, old []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &planned, false)...)
	diags.Append(config.Interfaces.ElementsAs(ctx, &given, false)...)
	if state != nil {
		diags.Append(state.Interfaces.ElementsAs(ctx, &old, false)...)
	}
	takes := func(mac hwtypes.MACAddress) bool { // because the user gives it to another one
		return slices.ContainsFunc(given, func(g interfaceModel) bool { return sameMAC(g.MAC, mac) })
	}
	for i := range planned {
		mac := given[i].MAC
		switch {
		case i < len(old) && (mac.IsNull() && !takes(old[i].MAC) || !mac.IsNull() && sameMAC(mac, old[i].MAC)):
			planned[i].MAC = old[i].MAC
		case mac.IsNull():
			planned[i].MAC = hwtypes.NewMACAddressValue(netboot.DerivedMAC(m.Name.ValueString(), i))
		}
	}
	list, problems := types.ListValueFrom(ctx, interfaceType, planned)
	diags.Append(problems...)
	m.Interfaces = list
}

// sameMAC tells whether two are one address, however written.
func sameMAC(a, b hwtypes.MACAddress) bool {
	return netboot.CanonicalMAC(a.ValueString()) == netboot.CanonicalMAC(b.ValueString())
}

// starts tells whether the apply starts the guest.
func (m domainModel) starts(ctx context.Context, state *domainModel, again bool) bool {
	runs := m.Running.IsUnknown() || m.Running.ValueBool()
	return runs && (state == nil || !state.Running.ValueBool() || again || m.restarts(ctx, *state) || m.installs(state))
}

// replaces tells whether the plan is for another domain than that of the state.
func (m domainModel) replaces(state domainModel) bool {
	return !m.Name.Equal(state.Name) || !m.Arch.Equal(state.Arch)
}

// checkReferences refuses what lies on another host than the guest.
func (r *domainResource) checkReferences(ctx context.Context, m domainModel, diags *diag.Diagnostics) {
	r.CheckReference(m.Placement, m.PxelinuxConfig, path.Root("pxelinux_config"), diags)
	r.CheckReference(m.Placement, types.StringValue(framework.Member(m.Kernel, "image")), path.Root("kernel").AtName("image"), diags)
	if m.Disks.IsUnknown() || framework.HasUnknownElement(m.Disks) {
		return
	}
	var disks []diskModel
	diags.Append(m.Disks.ElementsAs(ctx, &disks, false)...)
	for i, disk := range disks {
		r.CheckReference(m.Placement, disk.Volume, path.Root("disks").AtListIndex(i).AtName("volume"), diags)
	}
}
