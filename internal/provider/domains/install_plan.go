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

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// installs tells whether the apply installs the guest, or ends an installation that was begun. A guest
// that was there before it had install is left as it is until reinstall says otherwise.
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

// planInstall plans that an installation comes to its end, and that the guest boots from disk then.
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

// settleInstall makes known in an apply what the plan could not say.
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

// netboot is the guest with what it boots from in this apply.
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

// warnInstall says what an installation does to a guest that is there.
func (m domainModel) warnInstall(state domainModel, diags *diag.Diagnostics) {
	if state.Installed.Equal(types.BoolValue(false)) && m.Reinstall.Equal(state.Reinstall) {
		diags.AddWarning(fmt.Sprintf("The installation of domain %q has not ended", m.Name.ValueString()),
			"This apply waits for a guest that still installs. One that has ended in another way than a reboot or a power-off of its own is installed again.")
		return
	}
	diags.AddWarning(fmt.Sprintf("Domain %q will be installed again", m.Name.ValueString()),
		"The guest is shut down and boots from the network. What is on its disks is for the installer to overwrite.")
}

// validateInstall checks that there is what to install from and what to install on.
func (m domainModel) validateInstall(ctx context.Context, diags *diag.Diagnostics) {
	if m.Install.IsNull() {
		if !m.Reinstall.IsNull() && !m.Reinstall.IsUnknown() {
			diags.AddAttributeError(path.Root("reinstall"), "Nothing to install again", "reinstall has no meaning without install. Add install, or remove reinstall.")
		}
		return
	}
	if m.Install.IsUnknown() {
		return
	}
	if !m.Disks.IsUnknown() && len(m.Disks.Elements()) == 0 {
		diags.AddAttributeError(path.Root("install"), "Nothing to install on", "The guest is to be installed and has no disk. Add disks, or remove install.")
	}
	if !m.Interfaces.IsUnknown() && len(m.Interfaces.Elements()) == 0 {
		diags.AddAttributeError(path.Root("install"), "Nothing to install from", "The guest is to boot from the network once and has no interface. Add interfaces, or remove install.")
	}
	if !m.Kernel.IsNull() {
		diags.AddAttributeError(path.Root("kernel"), "An installed guest boots from disk",
			"With kernel the guest boots that kernel each time, and never what is installed. Remove kernel, or install; an installer is booted from the network, by a netboot_pxelinux_config.")
	}
	if !m.Boot.IsNull() && !m.Boot.IsUnknown() && !m.bootsFrom(ctx, virt.BootDisk) {
		diags.AddAttributeError(path.Root("boot"), "An installed guest boots from disk",
			"With install the guest boots from the network once and then from disk for good. Leave boot out, or add \"disk\" to it.")
	}
}

// fromInstalledBoot keeps the user's boot order where the definition is that of an installed guest, which
// boots from disk alone whatever he has written. Where it is another one, the state has nothing to say in
// his words, and the plan shows that it changes.
func (m *domainModel) fromInstalledBoot(found []string) {
	if !slices.Equal(found, []string{virt.BootDisk}) {
		m.Boot = types.ListNull(types.StringType)
	}
}
