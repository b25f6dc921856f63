package networks

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// validate checks what libvirt and dnsmasq would refuse in other words, or drop without a word. What a network of others
// may have all the same, networkChange.check refuses where it is new.
func (m networkModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	m.validateMode(diags)
	if !m.isKnown(ctx) {
		return
	}
	var untyped diag.Diagnostics // which the types of the attributes report as well
	n := m.definition(ctx, &untyped)
	if diags.HasError() || untyped.HasError() {
		return
	}
	validateDHCP(path.Root("ipv4"), n.IPv4, diags)
	validateDHCP(path.Root("ipv6"), n.IPv6, diags)
	validateBoot(n.IPv4, n.boot, diags)
	if n.DNS != nil && n.DNS.Disabled && len(n.DNS.Hosts)+len(n.DNS.Forwarders) > 0 {
		diags.AddAttributeError(path.Root("dns"), "DNS server that is not there",
			"With enabled = false there is no DNS server for hosts and forwarders. Remove them, or enabled.")
	}
}

// validateMode checks that a mode has nothing that it would ignore.
func (m networkModel) validateMode(diags *diag.Diagnostics) {
	if m.Mode.IsUnknown() {
		return
	}
	mode := usualMode(m.Mode.ValueString())
	m.validateVLANs(mode, diags)
	m.validatePlug(mode, diags)
	if virt.MakesBridge(mode) {
		return
	}
	for name, value := range map[string]attr.Value{
		"ipv4": m.IPv4, "ipv6": m.IPv6, "dns": m.DNS, "routes": m.Routes, "tftp_root": m.TFTPRoot, "domain": m.Domain, "mtu": m.MTU, "stp": m.STP, "delay": m.Delay, "dnsmasq_options": m.DnsmasqOptions,
	} {
		if !value.IsNull() {
			diags.AddAttributeError(path.Root(name), "Not for a bridge of the host's",
				fmt.Sprintf("In mode %q libvirt neither makes a bridge nor serves addresses, names or files on what the host has; whoever made it does. Remove %s, or choose another mode.", mode, name))
		}
	}
}

// usualMode is the mode where a configuration names none.
func usualMode(mode string) string {
	if mode == "" {
		return virt.ModeNAT
	}
	return mode
}

func (m networkModel) validateVLANs(mode string, diags *diag.Diagnostics) {
	if m.OpenVSwitch.ValueBool() && mode != virt.ModeBridge {
		diags.AddAttributeError(path.Root("openvswitch"), "Open vSwitch without its bridge",
			"A bridge of Open vSwitch is one that the host has already. Set mode = \"bridge\" and bridge to its name.")
	}
	if mode == virt.ModeBridge { // which is for the plan to say, as new releases of libvirt take them on any bridge
		return
	}
	ofVirtualFunction := mode == virt.ModeHostdev || mode == virt.ModePassthrough // libvirt src/network/bridge_driver.c, networkValidate()
	if !m.VLANs.IsNull() && !ofVirtualFunction {
		refuseVLANs(diags)
	}
}

func refuseVLANs(diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("vlans"), "VLANs without Open vSwitch",
		"libvirt tags the packets of guests on a bridge of Open vSwitch and of virtual functions, and from version 11 on any bridge. Set openvswitch = true with mode = \"bridge\", or give a bridge or a device that is on the VLAN already.")
}

// validatePlug checks what guests are plugged into, which libvirt has of one kind.
func (m networkModel) validatePlug(mode string, diags *diag.Diagnostics) {
	refuse := func(name, why string) { diags.AddAttributeError(path.Root(name), "Not for this mode", why) }
	devices := len(m.Devices.Elements())
	switch {
	case mode != virt.ModeBridge && !virt.MakesBridge(mode) && !m.Bridge.IsNull():
		refuse("bridge", fmt.Sprintf("In mode %q guests are plugged into devices of the host's, and there is no bridge. Remove bridge, or set mode = \"bridge\".", mode))
	case !m.Devices.IsNull() && !virt.MakesBridge(mode) && (!m.Bridge.IsNull() || !m.PF.IsNull()):
		refuse("forward_devices", "libvirt plugs the guests of a network into a bridge, into devices, or into virtual functions of one device. Give one of bridge, forward_devices and physical_function.")
	case !m.PF.IsNull() && !m.Bridge.IsNull(), !m.PF.IsNull() && virt.MakesBridge(mode):
		refuse("physical_function", "Guests get virtual functions in place of a bridge. Remove physical_function, or set mode = \"hostdev\" or one of macvtap, and remove bridge.")
	case mode == virt.ModeHostdev && !m.Devices.IsNull():
		refuse("forward_devices", "In mode \"hostdev\" guests are handed virtual functions. Set physical_function to the device that has them, or choose a mode of macvtap.")
	case virt.MakesBridge(mode) && !forwardsByDevice(mode) && !m.Devices.IsNull():
		refuse("forward_devices", fmt.Sprintf("In mode %q the host does not forward by one device: %q and %q do. Guests are plugged into devices in mode \"bridge\".", mode, virt.ModeNAT, virt.ModeRoute))
	case forwardsByDevice(mode) && devices > 1:
		refuse("forward_devices", fmt.Sprintf("In mode %q the host forwards by one device. Give one.", mode))
	}
}

func isEmpty(d *virt.DHCP) bool { return len(d.Ranges)+len(d.Reservations) == 0 }

func validateDHCP(at path.Path, ip *virt.IP, diags *diag.Diagnostics) {
	if ip == nil || ip.DHCP == nil {
		return
	}
	at = at.AtName("dhcp")
	if isEmpty(ip.DHCP) {
		framework.AddError(diags, at, "DHCP without addresses",
			"libvirt starts no DHCP server that has nothing to hand out, and drops this without a word. Add ranges or reservations, or leave dhcp out.")
	}
	for i, r := range ip.DHCP.Ranges {
		start, startErr := netip.ParseAddr(r.Start)
		end, endErr := netip.ParseAddr(r.End)
		if startErr != nil || endErr != nil {
			continue // the framework says so, but only after this
		}
		if end.Less(start) || !ip.Address.Contains(start) || !ip.Address.Contains(end) {
			framework.AddError(diags, at.AtName("ranges").AtListIndex(i), "Invalid range",
				fmt.Sprintf("%s to %s is not a range in %s.", start, end, ip.Address.Masked()))
		}
	}
}

// validateBoot checks what guests are told to boot.
func validateBoot(ip *virt.IP, rules []dnsmasq.Rule, diags *diag.Diagnostics) {
	if ip == nil || ip.DHCP == nil {
		return
	}
	at := path.Root("ipv4").AtName("dhcp")
	seen := map[string]int{}
	for i, rule := range rules {
		at := at.AtName("boot").AtListIndex(i)
		err := rule.Validate()
		if err == nil && (rule.Arch == arch.S390X || rule.MAC != "") {
			err = checkSearch(pxelinux.Search{BootFile: rule.Bootfile, ConfigFile: rule.ConfigFile, PathPrefix: rule.PathPrefix})
		}
		if first, taken := seen[rule.Arch+rule.MAC]; taken {
			err = fmt.Errorf("rule %d is for the same guests; make one of both", first)
		}
		seen[rule.Arch+rule.MAC] = i
		if err != nil {
			diags.AddAttributeError(at, "Invalid boot rule", framework.Sentence(framework.Within(at, err)))
		}
	}
}

// checkBootfile refuses a bootfile that does not reach a guest as it is written, or that the firmware
// does not bear.
func checkBootfile(bootfile string) error {
	switch {
	case framework.HasInvisible(bootfile):
		return fmt.Errorf("%q has an invisible character; rename the file", bootfile)
	case strings.ContainsAny(bootfile, ",\"\\# "):
		// libvirt src/network/bridge_driver.c networkDnsmasqConfContents(): "dhcp-boot=%s"
		return fmt.Errorf("%q has a comma, a quote, a backslash, a # or a blank, which libvirt writes as it is into dnsmasq's configuration, where it means something else; rename the file, or use a rule in boot", bootfile)
	case len(bootfile) > dnsmasq.MaxBootfileSize:
		return fmt.Errorf("%q has %d bytes, of which a guest gets %d; shorten the path", bootfile, len(bootfile), dnsmasq.MaxBootfileSize)
	default:
		return checkSearch(pxelinux.Search{BootFile: bootfile})
	}
}

// checkSearch refuses what DHCP tells an s390x guest where a path that it leads to is longer than the
// firmware bears.
func checkSearch(search pxelinux.Search) error {
	search.UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff" // the longest name
	search.MAC = "ff:ff:ff:ff:ff:ff"
	_, err := search.Paths()
	return err
}

// validateNew checks what holds for a network that is to be made. One that is there may have
// addresses that this resource does not model.
func (m networkModel) validateNew(diags *diag.Diagnostics) {
	mode := m.Mode.ValueString()
	if m.IPv4.IsNull() && m.IPv6.IsNull() && !m.Mode.IsUnknown() && mode != virt.ModeIsolated && virt.MakesBridge(mode) {
		diags.AddAttributeError(path.Root("mode"), "Network without an address",
			fmt.Sprintf("In mode %q the host forwards the guests' packets, and needs an address on the network for it. Add ipv4, or set mode = \"isolated\".", mode))
	}
}
