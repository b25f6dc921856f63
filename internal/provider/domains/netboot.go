package domains

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// checkNetboot checks a guest that boots from the network.
func (r *domainResource) checkNetboot(ctx context.Context, m domainModel, starts bool, diags *diag.Diagnostics) {
	if m.Arch.IsUnknown() || m.Boot.IsUnknown() || !m.bootsFrom(ctx, virt.BootNetwork) || !m.Kernel.IsNull() ||
		m.Interfaces.IsUnknown() || framework.HasUnknownElement(m.Interfaces) {
		return
	}
	for name, id := range map[string]*types.String{"pxelinux_config": &m.PxelinuxConfig, "grub_config": &m.GrubConfig} {
		if local := m.Local(*id); local != "" && !strings.Contains(local, "/") {
			diags.AddAttributeError(path.Root(name), "Invalid "+name,
				fmt.Sprintf("%q is not the id of a netboot_%s, which has the form tftp_root/file_name.", local, name))
			*id = types.StringNull()
		}
	}
	if m.isUEFI() && m.Arch.ValueString() == arch.X86 && m.GrubConfig.IsNull() {
		if !m.PxelinuxConfig.IsNull() && starts {
			diags.AddAttributeWarning(path.Root("pxelinux_config"), "Guest may not boot",
				"A guest with UEFI does not start PXELINUX, which reads this configuration. Use a netboot_grub_config and grub_config instead of pxelinux_config, or set firmware = \"bios\". Only the boot loader syslinux.efi reads such a file from UEFI.")
		}
		return
	}
	guest := m.guest(ctx, diags)
	guest.Starts = starts
	for _, finding := range netboot.Check(ctx, guest, r.Plans, netbootHost{r.Host}) {
		at, err := attributeOf(finding), finding.Problem
		if finding.Severity == pxelinux.Error {
			diags.AddAttributeError(at, "Guest would not boot", framework.Sentence(framework.Within(at, &err)))
		} else {
			diags.AddAttributeWarning(at, "Guest may not boot", framework.Sentence(framework.Within(at, &err)))
		}
	}
}

// isUEFI tells whether the firmware is UEFI.
func (m domainModel) isUEFI() bool { return virt.IsUEFI(m.Firmware.ValueString()) }

// guest is the part of the guest that matters for its boot from the network.
func (m domainModel) guest(ctx context.Context, diags *diag.Diagnostics) netboot.Guest {
	guest := netboot.Guest{Arch: m.Arch.ValueString(), UUID: m.UUID.ValueString(), Config: m.Local(m.PxelinuxConfig)}
	if !m.GrubConfig.IsNull() {
		guest.Config, guest.GRUB = m.Local(m.GrubConfig), true
	}
	if !m.Memory.IsUnknown() {
		guest.Memory = max(m.Memory.Bytes(), m.MaxMemory.Bytes()) // before a kernel runs, the guest has all of its maximum memory
	}
	var interfaces []devices.Interface
	diags.Append(m.Interfaces.ElementsAs(ctx, &interfaces, false)...)
	for _, nic := range interfaces {
		guest.Interfaces = append(guest.Interfaces, netboot.Interface{
			MAC:     netboot.CanonicalMAC(nic.MAC.ValueString()),
			Network: nic.Network.ValueString(),
			Boots:   !nic.Boot.Equal(types.BoolValue(false)),
		})
	}
	return guest
}

// attributeOf is the attribute of a domain that a finding is about.
func attributeOf(finding netboot.Finding) path.Path {
	if finding.Attribute == netboot.OfNetwork {
		return path.Root("interfaces").AtListIndex(finding.Interface).AtName("network")
	}
	return path.Root(string(finding.Attribute))
}

// bootFacts finds facts on the host that explain a failed boot.
func (r *domainResource) bootFacts(ctx context.Context, m domainModel, result boot.Result) []string {
	if !m.bootsFrom(ctx, virt.BootNetwork) {
		return nil
	}
	var diags diag.Diagnostics
	guest := m.guest(ctx, &diags)
	if diags.HasError() {
		return nil
	}
	return netboot.Facts(ctx, guest, result, r.Plans, netbootHost{r.Host})
}

// netbootHost adapts a host for package netboot.
type netbootHost struct{ host Host }

func (h netbootHost) BootNetwork(ctx context.Context, name string) (netboot.Network, error) {
	n, err := h.host.Network(ctx, name)
	return framework.NetworkOf(n), err
}

func (h netbootHost) BootFirmware(ctx context.Context) pxelinux.Firmware {
	return netboot.FirmwareOf(ctx, h.host)
}

func (h netbootHost) Stat(ctx context.Context, pool, name string) (fs.FileInfo, error) {
	info, err := virt.NewDirectory(h.host, pool).Stat(ctx, name)
	if errors.Is(err, fs.ErrNotExist) { // libvirt finds a file of another program only when it lists the pool
		if _, listErr := h.host.VolumeNames(ctx, pool); listErr == nil {
			return virt.NewDirectory(h.host, pool).Stat(ctx, name)
		}
	}
	return info, err
}
