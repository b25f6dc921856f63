package networks

import (
	"fmt"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// guestList names the running guests on a network, for a warning.
func guestList(guests []string) string {
	if len(guests) == 0 {
		return "none"
	}
	return strings.Join(guests, ", ")
}

// announce says how a running network changes. The detail is a format string for the names of the running guests.
func (c networkChange) announce() (summary, detail string) {
	if !c.plan.Running.IsUnknown() && !c.plan.Running.ValueBool() {
		return "stopped", "Running guests on it lose their network. Running guests on it now: %s."
	}
	if !c.known {
		return "changed", "Part of the change is known only after apply. If libvirt cannot make it while the network runs, it restarts the network. " +
			"Running guests on it then keep running, and are attached again within a second or two. Running guests on it now: %s."
	}
	now, before := c.now.Network, c.before.Network
	if c.plan.Bridge.IsUnknown() {
		now.Bridge = before.Bridge
	}
	switch before.ChangeTo(now) {
	case virt.LiveChange:
		return "changed while it runs", "Running guests on it keep their link. Running guests on it now: %s."
	case virt.RestartChange:
		return "restarted", fmt.Sprintf("libvirt cannot change %s while a network runs. Running guests on it %s. Running guests on it now: %%s.", restartReason(before, now), fate(before, now))
	default:
		return "", ""
	}
}

// fate is what a restart does to running guests. libvirt cannot move a guest between a bridge and a device of the host.
func fate(before, now virt.Network) string {
	switch {
	case before.HasBridge() && now.HasBridge():
		return "keep running, and are attached again within a second or two"
	case before.HasBridge():
		return "must be shut off before the apply, because libvirt cannot move them from a bridge to a device of the host"
	default:
		return "keep running, and stay attached to their current devices until their next start"
	}
}

// restartReason names the attributes whose change by itself would need a restart.
func restartReason(before, now virt.Network) string {
	var names []string
	for _, part := range networkParts {
		changed := before
		part.take(&changed, now)
		if before.ChangeTo(changed) == virt.RestartChange {
			names = append(names, part.name)
		}
	}
	if len(names) == 0 {
		return "so many parts of it"
	}
	return strings.Join(names, ", ")
}

// networkParts are the attributes that belong to the definition.
var networkParts = []struct {
	name string
	take func(n *virt.Network, from virt.Network)
}{
	{"mode", func(n *virt.Network, from virt.Network) { n.Mode = from.Mode }},
	{"bridge", func(n *virt.Network, from virt.Network) { n.Bridge = from.Bridge }},
	{"forward_devices", func(n *virt.Network, from virt.Network) { n.Devices = from.Devices }},
	{"physical_function", func(n *virt.Network, from virt.Network) { n.PF = from.PF }},
	{"openvswitch", func(n *virt.Network, from virt.Network) { n.OpenVSwitch = from.OpenVSwitch }},
	{"vlans", func(n *virt.Network, from virt.Network) { n.VLANs = from.VLANs }},
	{"stp", func(n *virt.Network, from virt.Network) { n.STP = from.STP }},
	{"delay", func(n *virt.Network, from virt.Network) { n.Delay = from.Delay }},
	{"mtu", func(n *virt.Network, from virt.Network) { n.MTU = from.MTU }},
	{"domain", func(n *virt.Network, from virt.Network) { n.Domain = from.Domain }},
	{"tftp_root", func(n *virt.Network, from virt.Network) { n.TFTPRoot = from.TFTPRoot }},
	{"ipv4", func(n *virt.Network, from virt.Network) { n.IPv4 = from.IPv4 }},
	{"ipv6", func(n *virt.Network, from virt.Network) { n.IPv6 = from.IPv6 }},
	{"dns", func(n *virt.Network, from virt.Network) { n.DNS = from.DNS }},
	{"routes", func(n *virt.Network, from virt.Network) { n.Routes = from.Routes }},
	{"ipv4.dhcp.boot", func(n *virt.Network, from virt.Network) {
		_, options := framework.BootRules(*n)
		rules, _ := framework.BootRules(from)
		n.Options = append(options, dnsmasq.Options(rules)...)
	}},
	{"dnsmasq_options", func(n *virt.Network, from virt.Network) {
		rules, _ := framework.BootRules(*n)
		_, options := framework.BootRules(from)
		n.Options = append(options, dnsmasq.Options(rules)...)
	}},
}
