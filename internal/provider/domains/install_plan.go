package domains

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// installs tells whether the apply installs the guest, or continues an installation. A guest that existed before install was added
// stays unchanged until reinstall changes.
func (m domainModel) installs(state *domainModel) bool {
	if m.Install.IsNull() {
		return false
	}
	if state == nil || state.Installed.Equal(types.BoolValue(false)) {
		return true
	}
	return !m.Reinstall.IsNull() && !m.Reinstall.Equal(state.Reinstall)
}

// installPatience is what an installation adds to the time for an apply.
func (m domainModel) installPatience(ctx context.Context, state *domainModel) time.Duration {
	if !m.installs(state) {
		return 0
	}
	install := framework.As[installModel](ctx, m.Install, &diag.Diagnostics{})
	timeout, _ := time.ParseDuration(install.Timeout) // validated
	return timeout
}

// planInstall plans that the installation completes, and that the guest then boots from disk.
func (m *domainModel) planInstall(config domainModel) {
	boots := bootList(virt.BootDisk)
	switch {
	case m.Install.IsNull():
		m.Installed, boots = types.BoolNull(), bootList(virt.BootNetwork)
	case m.Install.IsUnknown():
		m.Installed, boots = types.BoolUnknown(), types.ListUnknown(types.StringType)
	default:
		m.Installed = types.BoolValue(true)
	}
	if config.Boot.IsNull() {
		m.Boot = boots
	}
}

// settleInstall sets during the apply the values that were unknown in the plan.
func (m *domainModel) settleInstall() {
	if !m.Installed.IsUnknown() {
		return
	}
	config := domainModel{Boot: m.Boot}
	if m.Boot.IsUnknown() {
		config.Boot = types.ListNull(types.StringType)
	}
	m.planInstall(config)
}

func bootList(class string) types.List {
	return types.ListValueMust(types.StringType, []attr.Value{types.StringValue(class)})
}

// netboot is the guest with the boot order of this apply.
func (m domainModel) netboot(state *domainModel) domainModel {
	switch {
	case m.Install.IsNull() || m.Install.IsUnknown():
	case m.installs(state):
		m.Boot = bootList(virt.BootNetwork)
	default:
		m.Boot = bootList(virt.BootDisk)
	}
	return m
}

// warnInstall says what an installation does to an existing guest, which is in a phase of an installation as the next apply continues it.
func (m domainModel) warnInstall(state domainModel, phase netboot.Phase, diags *diag.Diagnostics) {
	if state.Installed.Equal(types.BoolValue(false)) && m.Reinstall.Equal(state.Reinstall) {
		next := map[netboot.Phase]string{
			netboot.PhaseInstalling: "The guest is still installing. This apply waits for it.",
			netboot.PhaseNone:       "The guest has rebooted or powered off by itself since. This apply treats it as installed.",
			netboot.PhaseDue:        "The installation has failed, or was not seen to end. This apply stops the guest, and installs it again. The installer can overwrite its disks.",
		}[phase]
		diags.AddWarning(fmt.Sprintf("The installation of domain %q is not complete", m.Name.ValueString()), next)
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q will be installed again", m.Name.ValueString()),
		"The guest is shut down and boots from the network. The installer can overwrite its disks.")
}

// validateInstall checks that the guest has something to install from and something to install on.
func (m domainModel) validateInstall(ctx context.Context, diags *diag.Diagnostics) {
	if m.Install.IsNull() {
		if !m.Reinstall.IsNull() && !m.Reinstall.IsUnknown() {
			diags.AddAttributeError(path.Root("reinstall"), "Nothing to install again", "reinstall has no effect without install. Add install, or remove reinstall.")
		}
		return
	}
	if m.Install.IsUnknown() {
		return
	}
	if !m.Disks.IsUnknown() && len(m.Disks.Elements()) == 0 {
		diags.AddAttributeError(path.Root("install"), "Nothing to install on", "With install, the guest needs a disk, and it has none. Add disks, or remove install.")
	}
	if !m.Interfaces.IsUnknown() && len(m.Interfaces.Elements()) == 0 {
		diags.AddAttributeError(path.Root("install"), "Nothing to install from", "With install, the guest boots from the network once, and it has no interface. Add interfaces, or remove install.")
	}
	if !m.Kernel.IsNull() {
		diags.AddAttributeError(path.Root("kernel"), "An installed guest boots from disk",
			"With kernel, the guest boots that kernel every time, and never the installed system. Remove either kernel or install. To boot an installer from the network, use a netboot_pxelinux_config.")
	}
	if !m.Boot.IsNull() && !m.Boot.IsUnknown() && !m.bootsFrom(ctx, virt.BootDisk) {
		diags.AddAttributeError(path.Root("boot"), "An installed guest boots from disk",
			"With install, the guest boots from the network once, and then always from disk. Leave boot out, or add \"disk\" to it.")
	}
}

// fromInstalledBoot keeps the user's boot order if the definition is that of an installed guest, which boots only from disk,
// whatever the user wrote. Otherwise it sets boot to null, so that the plan shows a change.
func (m *domainModel) fromInstalledBoot(found []string) {
	if !slices.Equal(found, []string{virt.BootDisk}) {
		m.Boot = types.ListNull(types.StringType)
	}
}
