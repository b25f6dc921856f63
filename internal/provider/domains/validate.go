package domains

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// validate checks what libvirt or the firmware would refuse later.
func (m domainModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	validateMemory("memory", m.Memory, diags)
	validateMemory("max_memory", m.MaxMemory, diags)
	m.validateMost(diags)
	devices.ValidateDisks(ctx, m.Disks, m.buses(), diags)
	devices.ValidateInterfaces(ctx, m.Interfaces, diags)
	devices.ValidateHostdevs(ctx, m.Hostdevs, diags)
	m.validateConsoles(ctx, diags)
	m.validateFirmware(diags)
	m.validateExtras(diags)
	m.validateWaitFor(diags)
	m.validateSecure(ctx, diags)
	m.validateFilesystems(ctx, diags)
	m.validateInstall(ctx, diags)
	if !m.Kernel.IsNull() {
		return // the guest boots without a device
	}
	m.validateBoot(ctx, diags)
}

// validateMemory refuses a size with a fraction of a KiB: libvirt counts memory in KiB, and QEMU cannot provide less.
func validateMemory(name string, size framework.Size, diags *diag.Diagnostics) {
	if size.Bytes()%1024 != 0 && framework.GuestMemory.Check(size) == nil {
		diags.AddAttributeError(path.Root(name), "Invalid "+name, fmt.Sprintf("%s is not a whole number of KiB. Write the size in KiB, MiB or GiB.", size.ValueString()))
	}
}

// validateMost checks the maxima of memory and of virtual CPUs against their initial values.
func (m domainModel) validateMost(diags *diag.Diagnostics) {
	if most := m.MaxMemory.Bytes(); most > 0 && most < m.Memory.Bytes() && framework.GuestMemory.Check(m.MaxMemory) == nil {
		diags.AddAttributeError(path.Root("max_memory"), "Invalid max_memory", fmt.Sprintf("%s is less than memory, %s.", m.MaxMemory.ValueString(), m.Memory.ValueString()))
	}
	vcpus := max(m.VCPUs.ValueInt64(), 1)
	most := m.MaxVCPUs.ValueInt64()
	if most > 0 && most < vcpus {
		diags.AddAttributeError(path.Root("max_vcpus"), "Invalid max_vcpus", fmt.Sprintf("%d is less than vcpus, %d.", most, vcpus))
	}
	if m.CPUTopology.IsNull() || m.CPUTopology.IsUnknown() || m.VCPUs.IsUnknown() || m.MaxVCPUs.IsUnknown() {
		return
	}
	threads := int64(1)
	for _, value := range m.CPUTopology.Attributes() {
		count, isNumber := value.(types.Int64)
		if !isNumber || count.IsUnknown() {
			return
		}
		threads *= max(count.ValueInt64(), 1)
	}
	if threads != max(most, vcpus) {
		diags.AddAttributeError(path.Root("cpu_topology"), "Invalid cpu_topology",
			fmt.Sprintf("Sockets, cores and threads multiply to %d virtual CPUs, but the guest has %d (max_vcpus, or vcpus if max_vcpus is not set).", threads, max(most, vcpus)))
	}
}

// validateFirmware checks that a guest of this architecture can have the firmware.
func (m domainModel) validateFirmware(diags *diag.Diagnostics) {
	firmware := m.Firmware.ValueString()
	if firmware == "" || m.Arch.IsUnknown() || m.machine().FirmwareOf(firmware) != "" {
		return
	}
	if has := m.machine().Firmwares; len(has) > 0 {
		diags.AddAttributeError(path.Root("firmware"), "Invalid firmware", fmt.Sprintf("A guest of this architecture has one of the firmwares %s.", strings.Join(has, ", ")))
		return
	}
	diags.AddAttributeError(path.Root("firmware"), "Invalid firmware", "A guest of this architecture has a firmware of its own. Leave firmware out.")
}

// validateConsoles checks that the architecture has the consoles. https://libvirt.org/formatdomain.html#console
func (m domainModel) validateConsoles(ctx context.Context, diags *diag.Diagnostics) {
	if m.Consoles.IsUnknown() || framework.HasUnknownElement(m.Consoles) || m.Arch.IsUnknown() {
		return
	}
	var consoles []string
	diags.Append(m.Consoles.ElementsAs(ctx, &consoles, false)...)
	machine := m.machine()
	for i, kind := range consoles {
		console, has := machine.Console(kind)
		switch at := path.Root("consoles").AtListIndex(i); {
		case !has:
			framework.AddError(diags, at, "Invalid console", fmt.Sprintf("A guest of this architecture cannot have a console of type %q.", kind))
		case !console.Many && slices.Index(consoles, kind) < i:
			framework.AddError(diags, at, "Invalid console", fmt.Sprintf("A guest can have only one console of type %q.", kind))
		case i == 0 && !console.First:
			framework.AddError(diags, at, "Invalid console", fmt.Sprintf("The first console of a guest of this architecture must be of type %s.", machine.DefaultConsole()))
		}
	}
}

// validateExtras checks attributes that need or exclude another attribute.
func (m domainModel) validateExtras(diags *diag.Diagnostics) {
	if !m.Loadparm.IsNull() && !m.Arch.IsUnknown() && !m.machine().Loadparm {
		diags.AddAttributeError(path.Root("loadparm"), "Invalid loadparm", "Only s390x guests have a load parameter. Leave loadparm out.")
	}
	if m.AddressesFrom.ValueString() == string(virt.FromAgent) && !m.GuestAgent.IsUnknown() && !m.GuestAgent.ValueBool() {
		diags.AddAttributeError(path.Root("addresses_from"), "Invalid addresses_from", "The guest agent needs its channel. Set guest_agent = true.")
	}
	if image, file := m.Kernel.Attributes()["image"], m.Kernel.Attributes()["file"]; image != nil && !image.IsUnknown() && !file.IsUnknown() && image.IsNull() == file.IsNull() {
		diags.AddAttributeError(path.Root("kernel"), "Invalid kernel", "A kernel is a netboot_image or a file on the host. Set either image or file.")
	}
	m.validateConfigs(diags)
}

// validateConfigs checks that the guest reads the configuration that it has. A value that is not known yet may become null, as that of
// try(netboot_grub_config.guest[each.key].id, null) does. The plan checks it again.
func (m domainModel) validateConfigs(diags *diag.Diagnostics) {
	for name, id := range map[string]types.String{"pxelinux_config": m.PxelinuxConfig, "grub_config": m.GrubConfig} {
		if !m.Kernel.IsNull() && framework.IsKnown(id) {
			diags.AddAttributeError(path.Root(name), "Invalid "+name, "With kernel, the guest boots that kernel directly and does not read a configuration. Set either kernel or "+name+".")
		}
	}
	if !framework.IsKnown(m.GrubConfig) {
		return
	}
	if framework.IsKnown(m.PxelinuxConfig) {
		diags.AddAttributeError(path.Root("grub_config"), "Invalid grub_config", "A guest reads one configuration. Set either pxelinux_config, for a guest without UEFI, or grub_config.")
	}
	if m.Arch.IsUnknown() || m.Firmware.IsUnknown() {
		return
	}
	firmware := cmp.Or(m.Firmware.ValueString(), m.machine().DefaultFirmware())
	switch {
	case virt.IsUEFI(firmware):
	case slices.ContainsFunc(m.machine().Firmwares, virt.IsUEFI):
		diags.AddAttributeError(path.Root("grub_config"), "Invalid grub_config", "Only a guest with UEFI starts GRUB, which reads this configuration. Set firmware to \"uefi\" or \"uefi-secure\", or set pxelinux_config instead.")
	default:
		diags.AddAttributeError(path.Root("grub_config"), "Invalid grub_config", "A guest of this architecture does not start GRUB, which reads this configuration. Set pxelinux_config instead.")
	}
}

// validateFilesystems checks that the configuration does not contradict what virtiofs needs. Without memory_backing it checks
// nothing, because an imported guest may share its memory in its NUMA cells. https://libvirt.org/kbase/virtiofs.html
func (m domainModel) validateFilesystems(ctx context.Context, diags *diag.Diagnostics) {
	if m.Filesystems.IsUnknown() || m.MemoryBacking.IsUnknown() || m.MemoryBacking.IsNull() || m.memoryBacking(ctx, diags).Shared {
		return
	}
	shared, isBool := m.MemoryBacking.Attributes()["shared"].(types.Bool)
	if !isBool || shared.IsUnknown() {
		return
	}
	for i, fs := range m.Filesystems.Elements() {
		if driver := framework.Member(fs, "driver"); driver == virt.Virtiofs || driver == "" {
			diags.AddAttributeError(path.Root("filesystems").AtListIndex(i).AtName("driver"), "Invalid filesystem", "virtiofs needs memory that it can map. Set memory_backing = { source = \"memfd\", shared = true }.")
		}
	}
}

// validateSecure refuses attributes that a guest of Secure Execution cannot have. QEMU docs/system/s390x/protvirt.rst; the
// firmware has no key for an image that it would load from the network.
func (m domainModel) validateSecure(ctx context.Context, diags *diag.Diagnostics) {
	if m.LaunchSecurity.ValueString() != secureExecution {
		return
	}
	if !m.Arch.IsUnknown() && m.machine().Name != arch.S390X {
		diags.AddAttributeError(path.Root("launch_security"), "Invalid launch_security", "Only s390x guests can use IBM Secure Execution. Set launch_security = \"none\", or leave it out.")
	}
	if m.MemoryBalloon.ValueBool() {
		diags.AddAttributeError(path.Root("memory_balloon"), "Invalid memory_balloon", "The host cannot take memory from a guest of IBM Secure Execution. Set memory_balloon = false, or leave it out.")
	}
	if !m.Install.IsNull() || m.Kernel.IsNull() && !m.Boot.IsUnknown() && m.bootsFrom(ctx, virt.BootNetwork) {
		diags.AddAttributeError(path.Root("boot"), "Guest would not boot",
			"A guest of IBM Secure Execution cannot boot from the network. It boots an encrypted image, which the firmware loads from a disk, or which kernel names. Set boot = [\"disk\"] or kernel, without install.")
	}
}

// buses are the buses that the guest's disks can be on. It is nil if the architecture is not known.
func (m domainModel) buses() []string {
	if m.Arch.IsUnknown() {
		return nil
	}
	return m.machine().Buses
}

// machine is the guest's architecture, by default s390x.
func (m domainModel) machine() arch.Arch { return arch.Of(cmp.Or(m.Arch.ValueString(), arch.S390X)) }

// validateBoot checks that there is a device to boot from.
func (m domainModel) validateBoot(ctx context.Context, diags *diag.Diagnostics) {
	if m.Boot.IsUnknown() || m.Interfaces.IsUnknown() || m.Disks.IsUnknown() {
		return
	}
	if m.bootsFrom(ctx, virt.BootNetwork) && !hasBootable(m.Interfaces) {
		diags.AddAttributeError(path.Root("boot"), "Nothing to boot from",
			"The guest boots from the network, but it has no interface that it can boot from. Add interfaces, or set boot = [\"disk\"].")
	}
	if !m.Boot.IsNull() && len(m.Boot.Elements()) == 1 && m.bootsFrom(ctx, virt.BootDisk) && !hasBootable(m.Disks) {
		diags.AddAttributeError(path.Root("boot"), "Nothing to boot from",
			"The guest boots from disk, but it has no disk that it can boot from. Add disks, or set boot = [\"network\"].")
	}
}

// hasBootable tells whether the guest can boot from a device of a list.
func hasBootable(devices types.List) bool {
	return slices.ContainsFunc(devices.Elements(), func(device attr.Value) bool {
		object, isObject := device.(types.Object)
		if !isObject || object.IsUnknown() {
			return true
		}
		boot, isBool := object.Attributes()["boot"].(types.Bool)
		return !isBool || boot.IsNull() || boot.IsUnknown() || boot.ValueBool()
	})
}
