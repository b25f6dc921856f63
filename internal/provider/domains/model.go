package domains

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// bootsFrom tells whether a class of devices is in the boot order. The default boot order is the network.
func (m domainModel) bootsFrom(ctx context.Context, class string) bool {
	if m.Boot.IsNull() {
		return class == virt.BootNetwork
	}
	var classes []types.String
	if m.Boot.ElementsAs(ctx, &classes, false).HasError() {
		return false
	}
	return slices.ContainsFunc(classes, func(c types.String) bool { return c.ValueString() == class })
}

// domain converts the model for package virt. With an error it returns the attribute that the error is about.
func (r *domainResource) domain(ctx context.Context, m domainModel, diags *diag.Diagnostics) (virt.Domain, path.Path, error) {
	d := virt.Domain{
		Name:      m.Name.ValueString(),
		UUID:      m.UUID.ValueString(),
		Arch:      m.Arch.ValueString(),
		Machine:   m.Machine.ValueString(),
		Firmware:  m.Firmware.ValueString(),
		CPU:       m.CPU.ValueString(),
		VCPUs:     uint(m.VCPUs.ValueInt64()),
		MaxVCPUs:  uint(m.MaxVCPUs.ValueInt64()),
		Memory:    m.Memory.Bytes(),
		MaxMemory: m.MaxMemory.Bytes(),
		Topology:  m.topology(ctx, diags),
		Loadparm:  m.Loadparm.ValueString(),

		Interfaces:    devices.Interfaces(ctx, m.Interfaces, diags),
		CPUFeatures:   devices.Named(ctx, m.CPUFeatures, diags),
		Hostdevs:      devices.Hostdevs(ctx, m.Hostdevs, diags),
		Filesystems:   devices.Filesystems(ctx, m.Filesystems, diags),
		MemoryBacking: m.memoryBacking(ctx, diags),
		IOThreads:     uint(m.IOThreads.ValueInt64()),
		RNG:           m.RNG.ValueBool(),
		NoBalloon:     !m.MemoryBalloon.ValueBool(),
		Secure:        m.LaunchSecurity.ValueString() == secureExecution,
		GuestAgent:    m.GuestAgent.ValueBool(),
		Devices:       devices.Named(ctx, m.DevicesXML, diags),
		Autostart:     m.Autostart.ValueBool(),
	}
	diags.Append(m.Boot.ElementsAs(ctx, &d.Boot, false)...)
	if !m.Install.IsNull() {
		d.Boot = []string{virt.BootDisk}
	}
	diags.Append(m.Consoles.ElementsAs(ctx, &d.Consoles, false)...)
	var err error
	if d.Note, err = m.note(ctx, diags); err != nil {
		return d, path.Empty(), err
	}
	capabilities, err := r.Host.Capabilities(ctx)
	if err != nil {
		return d, path.Empty(), err
	}
	if _, err := capabilities.Accelerator(d.Arch, "auto"); err != nil {
		return d, path.Root("arch"), err
	}
	if d.Accelerator, err = capabilities.Accelerator(d.Arch, m.Accelerator.ValueString()); err != nil {
		return d, path.Root("accelerator"), err
	}
	var at path.Path
	if d.Disks, at, err = devices.Disks(ctx, r.Host, m.Placement, m.Disks, diags); err != nil {
		return d, at, err
	}
	if d.CDROMs, at, err = devices.CDROMs(ctx, r.Host, m.Placement, m.CDROMs, diags); err != nil {
		return d, at, err
	}
	if d.Kernel, err = r.kernel(ctx, m, diags); err != nil {
		return d, path.Root("kernel").AtName("image"), err
	}
	return d, path.Empty(), nil
}

// fromDomain reads the guest on the host into the model. It keeps the spelling of the state if that means the same.
func (r *domainResource) fromDomain(ctx context.Context, m *domainModel, d virt.Domain, diags *diag.Diagnostics) error {
	m.ID = types.StringValue(m.Qualified(d.Name))
	m.Name = types.StringValue(d.Name)
	m.Arch = types.StringValue(d.Arch)
	if !isMachine(m.Machine.ValueString(), d.Machine) {
		m.Machine = types.StringValue(d.Machine)
	}
	m.Firmware = framework.Optional(d.Firmware)
	m.CPU = framework.Optional(d.CPU)
	if len(d.CPUFeatures) > 0 || !framework.IsKnown(m.CPUFeatures) || len(m.CPUFeatures.Elements()) > 0 {
		m.CPUFeatures = framework.MapFrom(ctx, types.StringType, d.CPUFeatures, diags)
	}
	m.VCPUs = types.Int64Value(int64(d.VCPUs))
	m.MaxVCPUs = types.Int64Value(int64(d.MaxVCPUs))
	m.Memory, m.MemoryBytes = m.Memory.As(d.Memory), types.Int64Value(int64(d.Memory))
	m.MaxMemory, m.MaxMemoryBytes = m.MaxMemory.As(d.MaxMemory), types.Int64Value(int64(d.MaxMemory))
	m.fromTopology(ctx, d.Topology, diags)
	m.Loadparm = framework.Optional(d.Loadparm)
	m.Consoles = framework.ListFrom(ctx, types.StringType, d.Consoles, diags)
	m.GuestAgent = types.BoolValue(d.GuestAgent)
	m.Hostdevs = devices.FromHostdevs(ctx, m.Hostdevs, d.Hostdevs, diags)
	m.Filesystems = devices.FromFilesystems(ctx, m.Filesystems, d.Filesystems, diags)
	m.fromMemoryBacking(ctx, d.MemoryBacking, diags)
	m.IOThreads = types.Int64Value(int64(d.IOThreads))
	m.RNG, m.MemoryBalloon = types.BoolValue(d.RNG), types.BoolValue(!d.NoBalloon)
	m.LaunchSecurity = types.StringValue(secureNone)
	if d.Secure {
		m.LaunchSecurity = types.StringValue(secureExecution)
	}
	m.DevicesXML = devices.FromNamed(ctx, m.DevicesXML, d.Devices, &m.made, diags)
	m.Autostart = types.BoolValue(d.Autostart)
	m.Running = types.BoolValue(d.State == virt.Running)
	m.UUID = types.StringValue(d.UUID)
	m.fromBoot(ctx, d, diags)
	m.Interfaces = devices.FromInterfaces(ctx, m.Interfaces, d, bootsNothing(d), diags)
	if err := r.fromAccelerator(ctx, m, d); err != nil {
		return err
	}
	if err := r.fromKernel(ctx, m, d.Kernel, diags); err != nil {
		return err
	}
	var err error
	if m.Disks, m.foreign, err = devices.FromDisks(ctx, r.Host, m.Placement, m.Disks, d, diags); err != nil {
		return err
	}
	m.CDROMs, err = devices.FromCDROMs(ctx, r.Host, m.Placement, m.CDROMs, d, diags)
	return err
}

// isMachine tells whether a machine is the one that the user wrote: libvirt replaces the name of a family, s390-ccw-virtio, with
// its newest member, s390-ccw-virtio-7.2.
func isMachine(written, actual string) bool {
	return written == actual || written != "" && strings.HasPrefix(actual, written+"-")
}

// fromAccelerator keeps auto if the domain has the accelerator that auto chooses.
func (r *domainResource) fromAccelerator(ctx context.Context, m *domainModel, d virt.Domain) error {
	if m.Accelerator.ValueString() == d.Accelerator {
		return nil
	}
	capabilities, err := r.Host.Capabilities(ctx)
	if err != nil {
		return err
	}
	m.Accelerator = types.StringValue(d.Accelerator)
	if chosen, err := capabilities.Accelerator(d.Arch, "auto"); err == nil && chosen == d.Accelerator {
		m.Accelerator = types.StringValue("auto")
	}
	return nil
}

// keepAccelerator sets the accelerator of the state to that of the plan if both are the same on the host: one is auto, and the
// other is what auto chooses. An import cannot know which of them the configuration has, and the difference needs no restart.
func (r *domainResource) keepAccelerator(ctx context.Context, plan domainModel, state *domainModel) {
	if state == nil || plan.Accelerator.IsUnknown() || plan.Accelerator.Equal(state.Accelerator) {
		return
	}
	capabilities, err := r.Host.Capabilities(ctx)
	if err != nil {
		return
	}
	arch := state.Arch.ValueString()
	planned, plannedErr := capabilities.Accelerator(arch, plan.Accelerator.ValueString())
	now, nowErr := capabilities.Accelerator(arch, state.Accelerator.ValueString())
	if plannedErr == nil && nowErr == nil && planned == now {
		state.Accelerator = plan.Accelerator
	}
}

// fromBoot reads the boot order. A class without a device is not in the definition, so the user's order stays if the rest of it
// is on the host.
func (m *domainModel) fromBoot(ctx context.Context, d virt.Domain, diags *diag.Diagnostics) {
	if !m.Install.IsNull() {
		m.fromInstalledBoot(d.Boot)
		return
	}
	var written []string
	if !m.Boot.IsNull() && !m.Boot.IsUnknown() {
		diags.Append(m.Boot.ElementsAs(ctx, &written, false)...)
	}
	if m.Boot.IsNull() && bootsNothing(d) {
		written = []string{virt.BootNetwork} // the default
	}
	present := slices.DeleteFunc(slices.Clone(written), func(class string) bool {
		return class == virt.BootDisk && (len(d.Disks) == 0 || !hasBootable(m.Disks)) ||
			class == virt.BootCDROM && (len(d.CDROMs) == 0 || !hasBootable(m.CDROMs)) ||
			class == virt.BootNetwork && (len(d.Interfaces) == 0 || !hasBootable(m.Interfaces))
	})
	if !slices.Equal(present, d.Boot) {
		written = d.Boot
	}
	list, problems := types.ListValueFrom(ctx, types.StringType, append([]string{}, written...))
	diags.Append(problems...)
	m.Boot = list
}

// bootsNothing tells whether a guest boots from no device, because it has a kernel.
func bootsNothing(d virt.Domain) bool { return d.Kernel.Path != "" && len(d.Boot) == 0 }

// topologyModel is the topology of the virtual CPUs.
type topologyModel struct {
	Sockets types.Int64 `tfsdk:"sockets"`
	Cores   types.Int64 `tfsdk:"cores"`
	Threads types.Int64 `tfsdk:"threads"`
}

var topologyTypes = map[string]attr.Type{"sockets": types.Int64Type, "cores": types.Int64Type, "threads": types.Int64Type}

func (m domainModel) topology(ctx context.Context, diags *diag.Diagnostics) virt.Topology {
	t := framework.As[topologyModel](ctx, m.CPUTopology, diags)
	if t == nil {
		return virt.Topology{}
	}
	return virt.Topology{Sockets: uint(t.Sockets.ValueInt64()), Cores: uint(t.Cores.ValueInt64()), Threads: uint(t.Threads.ValueInt64())}
}

func (m *domainModel) fromTopology(ctx context.Context, t virt.Topology, diags *diag.Diagnostics) {
	m.CPUTopology = types.ObjectNull(topologyTypes)
	if t != (virt.Topology{}) {
		m.CPUTopology = framework.ObjectFrom(ctx, topologyTypes, topologyModel{
			types.Int64Value(int64(t.Sockets)), types.Int64Value(int64(t.Cores)), types.Int64Value(int64(t.Threads)),
		}, diags)
	}
}

// memoryBackingModel is how the host provides a guest's memory.
type memoryBackingModel struct {
	HugePages types.String `tfsdk:"huge_pages"`
	Source    types.String `tfsdk:"source"`
	Shared    types.Bool   `tfsdk:"shared"`
}

var memoryBackingTypes = framework.TypesOf(memoryBackingAttributes())

func (m domainModel) memoryBacking(ctx context.Context, diags *diag.Diagnostics) virt.MemoryBacking {
	b := framework.As[memoryBackingModel](ctx, m.MemoryBacking, diags)
	if b == nil {
		return virt.MemoryBacking{}
	}
	return virt.MemoryBacking{HugePages: b.HugePages.ValueString(), Source: b.Source.ValueString(), Shared: b.Shared.ValueBool()}
}

// fromMemoryBacking reads the memory backing. If the guest has none, null stays null and empty stays empty.
func (m *domainModel) fromMemoryBacking(ctx context.Context, b virt.MemoryBacking, diags *diag.Diagnostics) {
	if b == (virt.MemoryBacking{}) && !framework.IsKnown(m.MemoryBacking) {
		m.MemoryBacking = types.ObjectNull(memoryBackingTypes)
		return
	}
	m.MemoryBacking = framework.ObjectFrom(ctx, memoryBackingTypes, memoryBackingModel{
		framework.Optional(b.HugePages), framework.Optional(b.Source), types.BoolValue(b.Shared),
	}, diags)
}

// forgetUnknown sets values that could not be read to null, so that the state can be saved.
func (m *domainModel) forgetUnknown() {
	if m.Machine.IsUnknown() {
		m.Machine = types.StringNull()
	}
	if m.CPU.IsUnknown() {
		m.CPU = types.StringNull()
	}
	if m.UUID.IsUnknown() {
		m.UUID = types.StringNull()
	}
	if m.Addresses.IsUnknown() {
		m.Addresses = types.ListNull(types.StringType)
	}
	if m.InstallResult.IsUnknown() {
		m.InstallResult = types.ObjectNull(bootResultTypes)
	}
	if m.BootResult.IsUnknown() {
		m.BootResult = types.ObjectNull(bootResultTypes)
	}
	if m.CPUFeatures.IsUnknown() {
		m.CPUFeatures = types.MapNull(types.StringType)
	}
	if m.DevicesXML.IsUnknown() {
		m.DevicesXML = types.MapNull(types.StringType)
	}
	m.forgetUnknownKernel()
}
