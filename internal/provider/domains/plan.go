package domains

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fillPlan plans the values that follow from the configuration and the state. With again, the guest starts again: its last boot
// failed, or the running guest differs from its definition.
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
	m.fillDevices(config, state)
	m.fillInterfaces(ctx, config, state, diags)
	starts := m.starts(ctx, state, again)
	if state != nil && !starts && m.Running.Equal(state.Running) && m.AddressesFrom.Equal(state.AddressesFrom) {
		m.Addresses = state.Addresses
	}
	switch {
	case m.Install.IsNull():
		m.InstallResult = types.ObjectNull(bootResultTypes)
	case m.Install.IsUnknown() || m.installs(state):
		m.InstallResult = types.ObjectUnknown(bootResultTypes)
	default:
		m.InstallResult = state.InstallResult
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

// fillMost plans the maxima of virtual CPUs and of memory if the user does not set them: they equal the initial values. An
// imported guest may have more, and keeps them.
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

// planSpareVCPU lets a new emulated s390x guest of one virtual CPU have a second one, which stays offline. An existing guest keeps what it
// has, because a change would restart it.
//
// If a guest can have only one virtual CPU, QEMU makes its atomic instructions of several of its own, although QEMU's other threads write
// the guest's queues and interrupt indicators at the same time. Before 8.1, it leaves out memory barriers too. So the guest misses an interrupt
// now and then, and its network stops for ever.
// QEMU CF_PARALLEL, and c914d46d0a64, "tcg: Do not elide memory barriers for !CF_PARALLEL in system mode".
func (r *domainResource) planSpareVCPU(ctx context.Context, m *domainModel, config domainModel, state *domainModel) {
	one := types.Int64Value(1)
	exists := state != nil && !m.replaces(*state)
	if !config.MaxVCPUs.IsNull() || !m.CPUTopology.IsNull() || !m.MaxVCPUs.Equal(one) || exists && state.MaxVCPUs.Equal(one) {
		return
	}
	if r.emulatesS390X(ctx, *m) {
		m.MaxVCPUs = types.Int64Value(2)
	}
}

// emulatesS390X reports whether QEMU emulates the guest, and it is an s390x guest.
func (r *domainResource) emulatesS390X(ctx context.Context, m domainModel) bool {
	if m.Arch.ValueString() != arch.S390X {
		return false
	}
	capabilities, err := r.Host.Capabilities(ctx)
	if err != nil {
		return false
	}
	accelerator, err := capabilities.Accelerator(arch.S390X, m.Accelerator.ValueString())
	return err == nil && accelerator == "tcg"
}

// fillConsoles plans the consoles if the user does not set them: those of the existing guest, or the default of the architecture.
func (m *domainModel) fillConsoles(ctx context.Context, config domainModel, state *domainModel, diags *diag.Diagnostics) {
	switch {
	case !config.Consoles.IsNull():
	case state != nil && !m.replaces(*state):
		m.Consoles = state.Consoles
	case !m.Arch.IsUnknown():
		m.Consoles = framework.ListFrom(ctx, types.StringType, []string{arch.Of(m.Arch.ValueString()).DefaultConsole()}, diags)
	}
}

// fillDevices plans the attributes that the user does not set: the values of the existing guest, or the defaults of a new guest.
func (m *domainModel) fillDevices(config domainModel, state *domainModel) {
	secure := config.LaunchSecurity.ValueString() == secureExecution
	before := domainModel{
		CPUFeatures: types.MapNull(types.StringType), CDROMs: types.ListNull(devices.CDROMType), Filesystems: types.ListNull(devices.FilesystemType), MemoryBacking: types.ObjectNull(memoryBackingTypes), Hostdevs: types.ListNull(devices.HostdevType), IOThreads: types.Int64Value(0), MemoryBalloon: types.BoolValue(!secure),
		Firmware: m.defaultFirmware(), GuestAgent: types.BoolValue(false), LaunchSecurity: types.StringValue(secureNone), DevicesXML: types.MapNull(types.StringType),
	}
	isNew := state == nil || m.replaces(*state)
	if !isNew {
		before = *state
		if secure {
			before.MemoryBalloon = types.BoolValue(false)
		}
	}
	framework.Fill(&m.Firmware, config.Firmware, before.Firmware)
	if isNew {
		before.RNG = m.defaultRNG() // it follows from the firmware
	}
	framework.Fill(&m.CDROMs, config.CDROMs, before.CDROMs)
	framework.Fill(&m.CPUFeatures, config.CPUFeatures, before.CPUFeatures)
	framework.Fill(&m.Filesystems, config.Filesystems, before.Filesystems)
	framework.Fill(&m.MemoryBacking, config.MemoryBacking, before.MemoryBacking)
	framework.Fill(&m.Hostdevs, config.Hostdevs, before.Hostdevs)
	framework.Fill(&m.IOThreads, config.IOThreads, before.IOThreads)
	framework.Fill(&m.GuestAgent, config.GuestAgent, before.GuestAgent)
	framework.Fill(&m.RNG, config.RNG, before.RNG)
	framework.Fill(&m.MemoryBalloon, config.MemoryBalloon, before.MemoryBalloon)
	framework.Fill(&m.LaunchSecurity, config.LaunchSecurity, before.LaunchSecurity)
	framework.Fill(&m.DevicesXML, config.DevicesXML, before.DevicesXML)
}

// defaultFirmware is the firmware of a new guest. It is not known if the architecture is not.
func (m domainModel) defaultFirmware() types.String {
	if m.Arch.IsUnknown() {
		return types.StringUnknown()
	}
	return framework.Optional(m.machine().DefaultFirmware())
}

// defaultRNG is whether a new guest has a random number generator. EDK II since 2024.05 does not boot from the network without one:
// NetworkPkg/SecurityFixes.yaml, CVE-2023-45237.
func (m domainModel) defaultRNG() types.Bool {
	if m.Firmware.IsUnknown() {
		return types.BoolUnknown()
	}
	return types.BoolValue(m.isUEFI())
}

// keepWords keeps the spelling of the state if the plan means the same.
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

// fillInterfaces derives the MAC addresses that the user does not set, and the values that depend on where an interface is
// attached. An existing interface keeps its address.
func (m *domainModel) fillInterfaces(ctx context.Context, config domainModel, state *domainModel, diags *diag.Diagnostics) {
	if m.Interfaces.IsNull() || m.Interfaces.IsUnknown() || framework.HasUnknownElement(m.Interfaces) || m.Name.IsUnknown() {
		return
	}
	var planned, given, old []devices.Interface
	diags.Append(m.Interfaces.ElementsAs(ctx, &planned, false)...)
	diags.Append(config.Interfaces.ElementsAs(ctx, &given, false)...)
	if state != nil {
		diags.Append(state.Interfaces.ElementsAs(ctx, &old, false)...)
	}
	takes := func(mac hwtypes.MACAddress) bool { // the user sets it on another interface
		return slices.ContainsFunc(given, func(g devices.Interface) bool { return devices.SameMAC(g.MAC, mac) })
	}
	for i := range planned {
		mac := given[i].MAC
		switch {
		case i < len(old) && (mac.IsNull() && !takes(old[i].MAC) || !mac.IsNull() && devices.SameMAC(mac, old[i].MAC)):
			planned[i].MAC = old[i].MAC
		case mac.IsNull():
			planned[i].MAC = hwtypes.NewMACAddressValue(netboot.DerivedMAC(m.Name.ValueString(), i))
		}
		var before devices.Interface
		if at := slices.IndexFunc(old, func(o devices.Interface) bool { return devices.SameMAC(o.MAC, planned[i].MAC) }); at >= 0 {
			before = old[at]
		}
		planned[i].Complete(given[i], before)
	}
	list, problems := types.ListValueFrom(ctx, devices.InterfaceType, planned)
	diags.Append(problems...)
	m.Interfaces = list
}

// checkOrder refuses to remove the boot order of a guest: libvirt would then let it boot from its disks, and a guest without
// disks would not boot.
// libvirt src/conf/domain_postparse.c, virDomainDefBootPostParse.
func (m domainModel) checkOrder(state *domainModel, diags *diag.Diagnostics) {
	empty := func(list types.List) bool { return !list.IsUnknown() && len(list.Elements()) == 0 }
	if m.Boot.IsNull() || !empty(m.Boot) || !m.Kernel.IsNull() || !m.Install.IsNull() || state != nil && empty(state.Boot) {
		return
	}
	diags.AddAttributeError(path.Root("boot"), "Nothing to boot from",
		"Only an imported guest that boots from a device that this resource does not model can have an empty boot. Set boot = [\"disk\"] or boot = [\"network\"].")
}

// starts tells whether the apply starts the guest.
func (m domainModel) starts(ctx context.Context, state *domainModel, again bool) bool {
	runs := m.Running.IsUnknown() || m.Running.ValueBool()
	return runs && (state == nil || !state.Running.ValueBool() || again || m.restarts(ctx, *state) || m.installs(state))
}

// replaces tells whether the plan is for another domain than the state.
func (m domainModel) replaces(state domainModel) bool {
	return !m.Name.Equal(state.Name) || !m.Arch.Equal(state.Arch) || framework.IsKnown(m.Firmware) && !m.Firmware.Equal(state.Firmware)
}

// checkBridges reports an interface on a bridge that the host does not have.
func (r *domainResource) checkBridges(ctx context.Context, m domainModel, state *domainModel, diags *diag.Diagnostics) {
	if m.Interfaces.IsUnknown() || framework.HasUnknownElement(m.Interfaces) {
		return
	}
	var interfaces, before []devices.Interface
	diags.Append(m.Interfaces.ElementsAs(ctx, &interfaces, false)...)
	if state != nil {
		diags.Append(state.Interfaces.ElementsAs(ctx, &before, false)...)
	}
	for i, nic := range interfaces {
		name := nic.Bridge.ValueString()
		if name == "" || slices.ContainsFunc(before, func(b devices.Interface) bool { return b.Bridge.Equal(nic.Bridge) }) {
			continue
		}
		at := path.Root("interfaces").AtListIndex(i).AtName("bridge")
		switch err := r.checkBridge(ctx, name); {
		case errors.Is(err, virt.ErrNotBridge):
			framework.AddError(diags, at, "Not a bridge", framework.Sentence(fmt.Errorf("%w, so the guest could not start. To share the interface with the guest, set device instead of bridge", err)))
		case errors.Is(err, virt.ErrNoBridge):
			diags.AddAttributeWarning(at, "Bridge does not exist", framework.Sentence(fmt.Errorf("%w. The guest does not start until the bridge exists. "+
				"To list the bridges, run \"ip link show type bridge\" on the host", err)))
		}
	}
}

// checkBridge asks the host once in a run, unless a network of this run creates the bridge.
func (r *domainResource) checkBridge(ctx context.Context, name string) error {
	if _, planned := r.Plans.Bridges.Find(name); planned {
		return nil
	}
	if err, known := r.Plans.Checked.Find(name); known {
		return err
	}
	err := r.Host.CheckBridge(ctx, name)
	r.Plans.Checked.Add(name, err)
	return err
}

// checkReferences refuses references to objects on another host than the guest.
func (r *domainResource) checkReferences(ctx context.Context, m domainModel, diags *diag.Diagnostics) {
	r.CheckReference(m.Placement, m.PxelinuxConfig, path.Root("pxelinux_config"), diags)
	r.CheckReference(m.Placement, m.GrubConfig, path.Root("grub_config"), diags)
	r.CheckReference(m.Placement, types.StringValue(framework.Member(m.Kernel, "image")), path.Root("kernel").AtName("image"), diags)
	devices.References(ctx, m.Disks, func(id types.String, at path.Path) { r.CheckReference(m.Placement, id, at, diags) }, diags)
}
