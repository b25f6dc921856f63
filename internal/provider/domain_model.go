package provider

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type diskModel struct {
	Volume   types.String `tfsdk:"volume"`
	Bus      types.String `tfsdk:"bus"`
	Serial   types.String `tfsdk:"serial"`
	ReadOnly types.Bool   `tfsdk:"readonly"`
}

type interfaceModel struct {
	Network types.String       `tfsdk:"network"`
	Bridge  types.String       `tfsdk:"bridge"`
	MAC     hwtypes.MACAddress `tfsdk:"mac"`
}

var (
	diskType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"volume":   types.StringType,
		"bus":      types.StringType,
		"serial":   types.StringType,
		"readonly": types.BoolType,
	}}
	interfaceType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"network": types.StringType,
		"bridge":  types.StringType,
		"mac":     hwtypes.MACAddressType{},
	}}
)

// validate checks what libvirt or the firmware would refuse later.
func (m domainModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	// libvirt counts memory in KiB; QEMU cannot give the rest of one.
	if bytes := m.Memory.bytes(); bytes%1024 != 0 || bytes == 0 && !m.Memory.IsUnknown() {
		diags.AddAttributeError(path.Root("memory"), "Invalid memory", fmt.Sprintf("%s is not a number of whole KiB above zero.", m.Memory.ValueString()))
	}
	m.validateInterfaces(ctx, diags)
	m.validateInstall(ctx, diags)
	if m.Boot.IsUnknown() || m.Interfaces.IsUnknown() || m.Disks.IsUnknown() {
		return
	}
	if m.bootsFrom(ctx, virt.BootNetwork) && len(m.Interfaces.Elements()) == 0 {
		diags.AddAttributeError(path.Root("boot"), "Nothing to boot from",
			"The guest is to boot from the network and has no interface. Add interfaces, or set boot = [\"disk\"].")
	}
	if !m.Boot.IsNull() && len(m.Boot.Elements()) == 1 && m.bootsFrom(ctx, virt.BootDisk) && len(m.Disks.Elements()) == 0 {
		diags.AddAttributeError(path.Root("boot"), "Nothing to boot from",
			"The guest is to boot from disk and has none. Add disks, or set boot = [\"network\"].")
	}
}

func (m domainModel) validateInterfaces(ctx context.Context, diags *diag.Diagnostics) {
	if m.Interfaces.IsUnknown() || hasUnknownElement(m.Interfaces) {
		return
	}
	var interfaces []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &interfaces, false)...)
	for i, nic := range interfaces {
		if !nic.Network.IsUnknown() && !nic.Bridge.IsUnknown() && nic.Network.IsNull() == nic.Bridge.IsNull() {
			diags.AddAttributeError(path.Root("interfaces").AtListIndex(i), "Invalid interface", "An interface is on a libvirt network or on a bridge of the host: set one of network and bridge.")
		}
	}
}

// hasUnknownElement tells whether an element of a list is known only after apply, as a whole.
func hasUnknownElement(list types.List) bool {
	return slices.ContainsFunc(list.Elements(), attr.Value.IsUnknown)
}

// bootsFrom tells whether a class of devices is in the boot order; the network is where none is given.
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

// domain is the model as libvirt's layer takes it. With an error it says which attribute that is about.
func (r *domainResource) domain(ctx context.Context, m domainModel, diags *diag.Diagnostics) (virt.Domain, path.Path, error) {
	d := virt.Domain{
		Name:      m.Name.ValueString(),
		UUID:      m.UUID.ValueString(),
		Arch:      m.Arch.ValueString(),
		Machine:   m.Machine.ValueString(),
		CPU:       m.CPU.ValueString(),
		VCPUs:     uint(m.VCPUs.ValueInt64()),
		Memory:    m.Memory.bytes(),
		Autostart: m.Autostart.ValueBool(),
	}
	diags.Append(m.Boot.ElementsAs(ctx, &d.Boot, false)...)
	if !m.Install.IsNull() {
		d.Boot = []string{virt.BootDisk}
	}
	var err error
	if d.Note, err = m.note(ctx, diags); err != nil {
		return d, path.Empty(), err
	}
	capabilities, err := r.host.Capabilities(ctx)
	if err != nil {
		return d, path.Empty(), err
	}
	if _, err := capabilities.Accelerator(d.Arch, "auto"); err != nil {
		return d, path.Root("arch"), err
	}
	if d.Accelerator, err = capabilities.Accelerator(d.Arch, m.Accelerator.ValueString()); err != nil {
		return d, path.Root("accelerator"), err
	}
	var interfaces []interfaceModel
	diags.Append(m.Interfaces.ElementsAs(ctx, &interfaces, false)...)
	for _, i := range interfaces {
		d.Interfaces = append(d.Interfaces, virt.Interface{
			Network: i.Network.ValueString(),
			Bridge:  i.Bridge.ValueString(),
			MAC:     canonicalMAC(i.MAC.ValueString()),
		})
	}
	var disks []diskModel
	diags.Append(m.Disks.ElementsAs(ctx, &disks, false)...)
	for i, disk := range disks {
		v, err := r.volume(ctx, m.local(disk.Volume))
		if err != nil {
			return d, path.Root("disks").AtListIndex(i).AtName("volume"), err
		}
		d.Disks = append(d.Disks, virt.Disk{
			Path:     v.Path,
			Format:   v.Format,
			Bus:      disk.Bus.ValueString(),
			Serial:   disk.Serial.ValueString(),
			ReadOnly: disk.ReadOnly.ValueBool(),
		})
	}
	return d, path.Empty(), nil
}

// volume looks up the volume of an id.
func (r *domainResource) volume(ctx context.Context, id string) (virt.Volume, error) {
	pool, name, ok := strings.Cut(id, "/")
	if !ok {
		return virt.Volume{}, fmt.Errorf("%q is not the id of a volume, which has the form pool/name", id)
	}
	v, err := r.host.Volume(ctx, pool, name)
	if err != nil {
		return virt.Volume{}, fmt.Errorf("volume %s: %w", id, err)
	}
	return v, nil
}

// fromDomain takes over what the host has, in the words of the state where they say the same.
func (r *domainResource) fromDomain(ctx context.Context, m *domainModel, d virt.Domain, diags *diag.Diagnostics) error {
	m.ID = types.StringValue(m.qualified(d.Name))
	m.Name = types.StringValue(d.Name)
	m.Arch = types.StringValue(d.Arch)
	if !isMachine(m.Machine.ValueString(), d.Machine) {
		m.Machine = types.StringValue(d.Machine)
	}
	m.CPU = optional(d.CPU)
	m.VCPUs = types.Int64Value(int64(d.VCPUs))
	if m.Memory.IsNull() || m.Memory.bytes() != d.Memory {
		m.Memory = newSize(d.Memory)
	}
	m.MemoryBytes = types.Int64Value(int64(d.Memory))
	m.Autostart = types.BoolValue(d.Autostart)
	m.Running = types.BoolValue(d.State == virt.Running)
	m.UUID = types.StringValue(d.UUID)
	m.fromBoot(ctx, d, diags)
	m.fromInterfaces(ctx, d.Interfaces, diags)
	if err := r.fromAccelerator(ctx, m, d); err != nil {
		return err
	}
	return r.fromDisks(ctx, m, d.Disks, diags)
}

// isMachine tells whether a machine is what the user wrote: libvirt replaces the name of a family,
// s390-ccw-virtio, by its newest member, s390-ccw-virtio-7.2.
func isMachine(written, actual string) bool {
	return written == actual || written != "" && strings.HasPrefix(actual, written+"-")
}

// fromAccelerator keeps auto where the domain has what auto chooses.
func (r *domainResource) fromAccelerator(ctx context.Context, m *domainModel, d virt.Domain) error {
	if m.Accelerator.ValueString() == d.Accelerator {
		return nil
	}
	capabilities, err := r.host.Capabilities(ctx)
	if err != nil {
		return err
	}
	m.Accelerator = types.StringValue(d.Accelerator)
	if chosen, err := capabilities.Accelerator(d.Arch, "auto"); err == nil && chosen == d.Accelerator {
		m.Accelerator = types.StringValue("auto")
	}
	return nil
}

// fromBoot takes over the boot order. A class without a device leaves no trace in the definition,
// so the user's order stays where the host has the rest of it.
func (m *domainModel) fromBoot(ctx context.Context, d virt.Domain, diags *diag.Diagnostics) {
	if !m.Install.IsNull() {
		m.fromInstalledBoot(d.Boot)
		return
	}
	var written []string
	if !m.Boot.IsNull() && !m.Boot.IsUnknown() {
		diags.Append(m.Boot.ElementsAs(ctx, &written, false)...)
	}
	present := slices.DeleteFunc(slices.Clone(written), func(class string) bool {
		return class == virt.BootDisk && len(d.Disks) == 0 || class == virt.BootNetwork && len(d.Interfaces) == 0
	})
	if len(written) > 0 && slices.Equal(present, d.Boot) {
		return
	}
	list, problems := types.ListValueFrom(ctx, types.StringType, append([]string{}, d.Boot...))
	diags.Append(problems...)
	m.Boot = list
}

func (m *domainModel) fromInterfaces(ctx context.Context, found []virt.Interface, diags *diag.Diagnostics) {
	if len(found) == 0 {
		m.Interfaces = types.ListNull(interfaceType)
		return
	}
	interfaces := make([]interfaceModel, len(found))
	for i, nic := range found {
		interfaces[i] = interfaceModel{optional(nic.Network), optional(nic.Bridge), hwtypes.NewMACAddressValue(nic.MAC)}
	}
	list, problems := types.ListValueFrom(ctx, interfaceType, interfaces)
	diags.Append(problems...)
	m.Interfaces = list
}

func (r *domainResource) fromDisks(ctx context.Context, m *domainModel, found []virt.Disk, diags *diag.Diagnostics) error {
	if len(found) == 0 {
		m.Disks = types.ListNull(diskType)
		return nil
	}
	disks := make([]diskModel, len(found))
	for i, d := range found {
		id, err := r.volumeID(ctx, m.placed, d.Path)
		if err != nil {
			return err
		}
		disks[i] = diskModel{types.StringValue(id), types.StringValue(d.Bus), optional(d.Serial), types.BoolValue(d.ReadOnly)}
	}
	list, problems := types.ListValueFrom(ctx, diskType, disks)
	diags.Append(problems...)
	m.Disks = list
	return nil
}

// forgetUnknown makes null what could not be read, so that the state can be saved.
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
	if m.BootResult.IsUnknown() {
		m.BootResult = types.ObjectNull(bootResultTypes)
	}
}
