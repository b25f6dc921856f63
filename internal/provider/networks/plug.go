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

// completePlug fills in what guests are attached to if the configuration omits it: a bridge, or devices of the host.
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

// forwardsByDevice tells whether a mode may set the device through which the host forwards the packets of the network.
func forwardsByDevice(mode string) bool { return mode == virt.ModeNAT || mode == virt.ModeRoute }

// isPluggedIn tells whether guests of the network are attached to a bridge or devices that the host already has.
func (m networkModel) isPluggedIn() bool {
	return framework.IsKnown(m.Mode) && !virt.MakesBridge(m.Mode.ValueString())
}

func (m networkModel) hasPlug() bool {
	return !m.Bridge.IsNull() || !m.Devices.IsNull() || !m.PF.IsNull()
}

// checkPlug refuses a network to which no guest can be attached, unless it was already like this before.
func (c networkChange) checkPlug(diags *diag.Diagnostics) {
	if !c.plan.isPluggedIn() || c.plan.hasPlug() || c.state != nil && c.state.Mode.Equal(c.plan.Mode) && !c.state.hasPlug() {
		return
	}
	switch mode := c.plan.Mode.ValueString(); mode {
	case virt.ModeBridge:
		diags.AddAttributeError(path.Root("bridge"), "Bridge is missing",
			"In mode \"bridge\", guests are attached to a bridge that already exists on the host, or to network devices of the host by macvtap. Set bridge to the name of the bridge, or forward_devices to the names of the devices.")
	case virt.ModeHostdev:
		diags.AddAttributeError(path.Root("physical_function"), "Device is missing",
			"In mode \"hostdev\", guests get the virtual functions of a network device of the host. Set physical_function to its name.")
	default:
		diags.AddAttributeError(path.Root("forward_devices"), "Device is missing",
			fmt.Sprintf("In mode %q, guests are attached to network devices of the host by macvtap. Set forward_devices to their names, or physical_function to the name of the device whose virtual functions guests get.", mode))
	}
}

// checkBridge asks the host about a new bridge to which guests are to be attached: without the bridge, no guest starts.
// A bridge that does not exist is only a warning, because something else in this run may make it. The kernel does not
// show a bridge of Open vSwitch as a bridge, so these are not checked.
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
			"To attach guests to a network device, set forward_devices in place of bridge. To attach them to a bridge, set bridge to its name; \"ip link show type bridge\" on the host shows all bridges. "+
			"For a bridge of Open vSwitch, set openvswitch = true", err)))
	case errors.Is(err, virt.ErrNoBridge):
		diags.AddAttributeWarning(path.Root("bridge"), "No such bridge", framework.Sentence(fmt.Errorf("%w. Unless something makes it, no guest on the network starts. "+
			"\"ip link show type bridge\" on the host shows the existing bridges. For a bridge of Open vSwitch, set openvswitch = true", err)))
	}
	// A create or an update reports any other error.
}
