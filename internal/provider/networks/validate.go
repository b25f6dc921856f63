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

// validate refuses what libvirt and dnsmasq would refuse with a different message, or drop without a message. Existing
// networks that another program made may have further mistakes: networkChange.check refuses these only if they are new.
func (m networkModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	m.validateMode(diags)
	if !m.isKnown(ctx) {
		return
	}
	var untyped diag.Diagnostics // the types of the attributes report the same problems
	n := m.definition(ctx, &untyped)
	if diags.HasError() || untyped.HasError() {
		return
	}
	validateDHCP(path.Root("ipv4"), n.IPv4, diags)
	validateDHCP(path.Root("ipv6"), n.IPv6, diags)
	validateBoot(n.IPv4, n.boot, diags)
	if n.DNS != nil && n.DNS.Disabled && len(n.DNS.Hosts)+len(n.DNS.Forwarders) > 0 {
		diags.AddAttributeError(path.Root("dns"), "DNS server is disabled",
			"With enabled = false, the network has no DNS server that could use hosts and forwarders. Remove hosts and forwarders, or remove enabled = false.")
	}
}

// validateMode refuses attributes that the mode would ignore.
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
			diags.AddAttributeError(path.Root(name), "Attribute conflicts with mode",
				fmt.Sprintf("In mode %q, libvirt uses a bridge or devices that already exist on the host. It does not make a bridge, and it does not serve addresses, names or files there. Remove %s, or choose another mode.", mode, name))
		}
	}
}

// usualMode is the given mode, or the default if a configuration sets none.
func usualMode(mode string) string {
	if mode == "" {
		return virt.ModeNAT
	}
	return mode
}

func (m networkModel) validateVLANs(mode string, diags *diag.Diagnostics) {
	if m.OpenVSwitch.ValueBool() && mode != virt.ModeBridge {
		diags.AddAttributeError(path.Root("openvswitch"), "Open vSwitch requires mode bridge",
			"A bridge of Open vSwitch already exists on the host. Set mode = \"bridge\", and set bridge to the name of that bridge.")
	}
	if mode == virt.ModeBridge { // the plan checks this, because new releases of libvirt accept VLANs on any bridge
		return
	}
	ofVirtualFunction := mode == virt.ModeHostdev || mode == virt.ModePassthrough // libvirt src/network/bridge_driver.c, networkValidate()
	if !m.VLANs.IsNull() && !ofVirtualFunction {
		refuseVLANs(diags)
	}
}

func refuseVLANs(diags *diag.Diagnostics) {
	diags.AddAttributeError(path.Root("vlans"), "VLANs require Open vSwitch",
		"libvirt tags the packets of guests on a bridge of Open vSwitch and on virtual functions, and from version 11 also on any other bridge. Set openvswitch = true with mode = \"bridge\", or set a bridge or a device that is already on the VLAN.")
}

// validatePlug checks what guests are attached to. A network of libvirt has only one kind of it: a bridge, devices, or
// virtual functions.
func (m networkModel) validatePlug(mode string, diags *diag.Diagnostics) {
	refuse := func(name, why string) { diags.AddAttributeError(path.Root(name), "Attribute conflicts with mode", why) }
	devices := len(m.Devices.Elements())
	switch {
	case mode != virt.ModeBridge && !virt.MakesBridge(mode) && !m.Bridge.IsNull():
		refuse("bridge", fmt.Sprintf("In mode %q, guests are attached to devices of the host, and there is no bridge. Remove bridge, or set mode = \"bridge\".", mode))
	case !m.Devices.IsNull() && !virt.MakesBridge(mode) && (!m.Bridge.IsNull() || !m.PF.IsNull()):
		refuse("forward_devices", "libvirt attaches the guests of a network to a bridge, to devices, or to virtual functions of one device. Set only one of bridge, forward_devices and physical_function.")
	case !m.PF.IsNull() && !m.Bridge.IsNull(), !m.PF.IsNull() && virt.MakesBridge(mode):
		refuse("physical_function", "Guests are attached either to virtual functions or to a bridge. Remove physical_function; or remove bridge, and set mode = \"hostdev\" or a mode that uses macvtap.")
	case mode == virt.ModeHostdev && !m.Devices.IsNull():
		refuse("forward_devices", "In mode \"hostdev\", guests get virtual functions. Set physical_function to the device that has them, or choose a mode that uses macvtap.")
	case virt.MakesBridge(mode) && !forwardsByDevice(mode) && !m.Devices.IsNull():
		refuse("forward_devices", fmt.Sprintf("In mode %q, the host does not forward through one device. The modes %q and %q do. To attach guests to devices, set mode = \"bridge\".", mode, virt.ModeNAT, virt.ModeRoute))
	case forwardsByDevice(mode) && devices > 1:
		refuse("forward_devices", fmt.Sprintf("In mode %q, the host forwards through one device. Set only one device.", mode))
	}
}

func isEmpty(d *virt.DHCP) bool { return len(d.Ranges)+len(d.Reservations) == 0 }

func validateDHCP(at path.Path, ip *virt.IP, diags *diag.Diagnostics) {
	if ip == nil || ip.DHCP == nil {
		return
	}
	at = at.AtName("dhcp")
	if isEmpty(ip.DHCP) {
		framework.AddError(diags, at, "DHCP has no addresses",
			"libvirt does not start a DHCP server without addresses to hand out, and ignores dhcp without a message. Add ranges or reservations, or remove dhcp.")
	}
	for i, r := range ip.DHCP.Ranges {
		start, startErr := netip.ParseAddr(r.Start)
		end, endErr := netip.ParseAddr(r.End)
		if startErr != nil || endErr != nil {
			continue // the framework reports this, but only later
		}
		if end.Less(start) || !ip.Address.Contains(start) || !ip.Address.Contains(end) {
			framework.AddError(diags, at.AtName("ranges").AtListIndex(i), "Invalid range",
				fmt.Sprintf("%s to %s is not a range of addresses in %s.", start, end, ip.Address.Masked()))
		}
	}
}

// validateBoot checks the rules that tell guests what to boot.
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
			err = fmt.Errorf("rule %d is for the same guests; merge the two rules into one", first)
		}
		seen[rule.Arch+rule.MAC] = i
		if err != nil {
			diags.AddAttributeError(at, "Invalid boot rule", framework.Sentence(framework.Within(at, err)))
		}
	}
}

// checkBootfile refuses a bootfile that does not reach a guest unchanged, or that is too long for the firmware.
func checkBootfile(bootfile string) error {
	switch {
	case framework.HasInvisible(bootfile):
		return fmt.Errorf("%q has an invisible character; rename the file", bootfile)
	case strings.ContainsAny(bootfile, ",\"\\# "):
		// libvirt src/network/bridge_driver.c networkDnsmasqConfContents(): "dhcp-boot=%s"
		return fmt.Errorf("%q has a comma, a quote, a backslash, a # or a blank, which libvirt copies unchanged into dnsmasq's configuration, where the character has a special meaning; rename the file, or use a rule in boot", bootfile)
	case len(bootfile) > dnsmasq.MaxBootfileSize:
		return fmt.Errorf("%q has %d bytes, but a guest receives only %d; shorten the path", bootfile, len(bootfile), dnsmasq.MaxBootfileSize)
	default:
		return checkSearch(pxelinux.Search{BootFile: bootfile})
	}
}

// checkSearch refuses what DHCP tells an s390x guest if it leads to a path that is too long for the firmware.
func checkSearch(search pxelinux.Search) error {
	search.UUID = "ffffffff-ffff-ffff-ffff-ffffffffffff" // the longest name
	search.MAC = "ff:ff:ff:ff:ff:ff"
	_, err := search.Paths()
	return err
}

// validateNew checks a network that does not exist yet. An existing network may have addresses that this resource does
// not model.
func (m networkModel) validateNew(diags *diag.Diagnostics) {
	mode := m.Mode.ValueString()
	if m.IPv4.IsNull() && m.IPv6.IsNull() && !m.Mode.IsUnknown() && mode != virt.ModeIsolated && virt.MakesBridge(mode) {
		diags.AddAttributeError(path.Root("mode"), "Network has no address",
			fmt.Sprintf("In mode %q, the host forwards the packets of guests, and needs an address on the network to do so. Add ipv4, or set mode = \"isolated\".", mode))
	}
}
