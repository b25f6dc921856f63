package networks

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// completePlug fills in what guests are plugged into, where the configuration leaves it out: a bridge, or devices of the
// host's.
func (m *networkModel) completePlug(config, before networkModel) {
	none := noNetwork()
	bridge, devices, pf := types.StringNull(), none.Devices, none.PF
	mode := m.Mode.ValueString()
	switch {
	case m.Mode.IsUnknown():
		bridge, devices, pf = before.bridgeOf(*m), types.ListUnknown(types.StringType), types.StringUnknown()
	case virt.MakesBridge(mode):
		bridge = before.bridgeOf(*m)
		if forwardsByDevice(mode) && forwardsByDevice(before.Mode.ValueString()) {
			devices = before.Devices
		}
	case before.isPluggedIn() && (config.Bridge.IsUnknown() || config.Devices.IsUnknown() || config.PF.IsUnknown()): // they may be null
		bridge, devices, pf = types.StringUnknown(), types.ListUnknown(types.StringType), types.StringUnknown()
	case !config.Bridge.IsNull() || !config.Devices.IsNull() || !config.PF.IsNull() || !before.isPluggedIn():
	default:
		devices, pf = before.Devices, before.PF
		if mode == virt.ModeBridge {
			bridge = before.Bridge
		}
	}
	framework.Fill(&m.Bridge, config.Bridge, bridge)
	framework.Fill(&m.Devices, config.Devices, devices)
	framework.Fill(&m.PF, config.PF, pf)
}

// forwardsByDevice tells whether the host may be told the device that it forwards the packets of a network by.
func forwardsByDevice(mode string) bool { return mode == virt.ModeNAT || mode == virt.ModeRoute }

// isPluggedIn tells whether guests of the network are plugged into what the host has.
func (m networkModel) isPluggedIn() bool {
	return framework.IsKnown(m.Mode) && !virt.MakesBridge(m.Mode.ValueString())
}

func (m networkModel) hasPlug() bool {
	return !m.Bridge.IsNull() || !m.Devices.IsNull() || !m.PF.IsNull()
}

// checkPlug refuses a network into which no guest can be plugged. One that was so already stays so.
func (c networkChange) checkPlug(diags *diag.Diagnostics) {
	if !c.plan.isPluggedIn() || c.plan.hasPlug() || c.state != nil && c.state.Mode.Equal(c.plan.Mode) && !c.state.hasPlug() {
		return
	}
	switch mode := c.plan.Mode.ValueString(); mode {
	case virt.ModeBridge:
		diags.AddAttributeError(path.Root("bridge"), "No bridge",
			"In mode \"bridge\" guests are plugged into a bridge that the host has already, or into its network devices by macvtap. Set bridge to the name of the one, or forward_devices to those of the others.")
	case virt.ModeHostdev:
		diags.AddAttributeError(path.Root("physical_function"), "No device",
			"In mode \"hostdev\" guests are handed the virtual functions of a network device of the host's. Set physical_function to its name.")
	default:
		diags.AddAttributeError(path.Root("forward_devices"), "No device",
			fmt.Sprintf("In mode %q guests are plugged into network devices of the host's by macvtap. Set forward_devices to their names, or physical_function to the one whose virtual functions guests get.", mode))
	}
}

// checkBridge asks the host for the bridge that guests are to be plugged into, where that is new: without it no guest
// starts. A name that is not there may be that of a bridge which something else in this run makes. A bridge of Open
// vSwitch is none to the kernel.
func (r *networkResource) checkBridge(ctx context.Context, c networkChange, diags *diag.Diagnostics) {
	plan, name := c.plan, c.plan.Bridge.ValueString()
	if plan.Mode.ValueString() != virt.ModeBridge || name == "" || plan.OpenVSwitch.IsUnknown() || plan.OpenVSwitch.ValueBool() {
		return
	}
	if c.state != nil && c.state.Mode.Equal(plan.Mode) && c.state.Bridge.Equal(plan.Bridge) && c.state.OpenVSwitch.Equal(plan.OpenVSwitch) {
		return
	}
	if _, planned := r.Plans.Bridges.Find(name); planned {
		return
	}
	switch err := r.Host.CheckBridge(ctx, name); {
	case errors.Is(err, virt.ErrNotBridge):
		diags.AddAttributeError(path.Root("bridge"), "Not a bridge", framework.Sentence(fmt.Errorf("%w, so no guest on the network could start. "+
			"To plug guests into a network device, set forward_devices in place of bridge. To plug them into a bridge, give its name; \"ip link show type bridge\" on the host shows all. "+
			"For one of Open vSwitch set openvswitch = true", err)))
	case errors.Is(err, virt.ErrNoBridge):
		diags.AddAttributeWarning(path.Root("bridge"), "No such bridge", framework.Sentence(fmt.Errorf("%w. Unless something makes it, no guest on the network starts. "+
			"\"ip link show type bridge\" on the host shows the bridges that are there. For one of Open vSwitch set openvswitch = true", err)))
	}
	// Whatever else is wrong, a create or an update says in full.
}
