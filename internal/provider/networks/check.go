package networks

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// check refuses new settings that would have no effect or cannot work. libvirt accepts them, so an existing network may
// have them; it keeps them.
func (c networkChange) check(diags *diag.Diagnostics) {
	c.checkPlug(diags)
	if !c.known {
		return
	}
	c.checkTFTPRoot(diags)
	for _, family := range []struct {
		at          path.Path
		now, before *virt.IP
	}{{path.Root("ipv4"), c.now.IPv4, c.before.IPv4}, {path.Root("ipv6"), c.now.IPv6, c.before.IPv6}} {
		checkAddress(family.at.AtName("address"), family.now, family.before, diags)
		checkRanges(family.at.AtName("dhcp").AtName("ranges"), family.now, family.before, diags)
		checkReservations(family.at.AtName("dhcp").AtName("reservations"), family.now, family.before, diags)
	}
	now, at := dhcpOf(c.now.IPv4), path.Root("ipv4").AtName("dhcp").AtName("bootfile")
	if err := checkBootfile(now.Bootfile); err != nil && now.Bootfile != dhcpOf(c.before.IPv4).Bootfile {
		diags.AddAttributeError(at, "Invalid bootfile", framework.Sentence(framework.Within(at, err)))
	}
}

// checkTFTPRoot refuses a TFTP root that libvirt would not serve: src/network/bridge_driver.c,
// networkDnsmasqConfContents(), writes enable-tftp only for an IPv4 address with DHCP.
func (c networkChange) checkTFTPRoot(diags *diag.Diagnostics) {
	now := dhcpOf(c.now.IPv4)
	if c.now.TFTPRoot == "" || !isEmpty(&now) || !c.now.MakesBridge() {
		return
	}
	if before := dhcpOf(c.before.IPv4); c.before.TFTPRoot == c.now.TFTPRoot && isEmpty(&before) {
		return
	}
	diags.AddAttributeError(path.Root("tftp_root"), "TFTP root requires DHCP",
		"libvirt serves a TFTP root only on a network with an IPv4 address and a DHCP range or reservation. Otherwise it ignores tftp_root without a message. Add ipv4 with dhcp.ranges or dhcp.reservations.")
}

func checkAddress(at path.Path, now, before *virt.IP, diags *diag.Diagnostics) {
	if now == nil || before != nil && now.Address == before.Address {
		return
	}
	if bits := now.Address.Addr().BitLen(); now.Address == now.Address.Masked() && now.Address.Bits() < bits-1 {
		framework.AddError(diags, at, "Invalid address",
			fmt.Sprintf("%s is the address of the network itself. Set the host's address on the network, such as %s/%d.", now.Address, now.Address.Addr().Next(), now.Address.Bits()))
	}
}

// checkRanges refuses a range with the host's own address, which no guest can have.
func checkRanges(at path.Path, now, before *virt.IP, diags *diag.Diagnostics) {
	for i, r := range dhcpOf(now).Ranges {
		start, startErr := netip.ParseAddr(r.Start)
		end, endErr := netip.ParseAddr(r.End)
		host := now.Address.Addr()
		isOld := before != nil && now.Address == before.Address && slices.Contains(dhcpOf(before).Ranges, r)
		if startErr != nil || endErr != nil || isOld || host.Less(start) || end.Less(host) {
			continue
		}
		framework.AddError(diags, at.AtListIndex(i), "Invalid range",
			fmt.Sprintf("%s to %s contains %s, the host's own address on the network. Exclude it, for example with start = %q.", start, end, host, host.Next()))
	}
}

// checkReservations refuses reservations that no guest gets, or that libvirt does not accept while the network runs.
func checkReservations(at path.Path, now, before *virt.IP, diags *diag.Diagnostics) {
	reservations, old := dhcpOf(now).Reservations, dhcpOf(before).Reservations
	seen := map[string]int{}
	for i, r := range reservations {
		isOld := slices.Contains(old, r)
		ip, err := netip.ParseAddr(r.IP) // the framework reports this error
		if err == nil && !now.Address.Contains(ip) && (!isOld || now.Address != before.Address) {
			framework.AddError(diags, at.AtListIndex(i).AtName("ip"), "Invalid reservation", fmt.Sprintf("%s is not in %s.", r.IP, now.Address.Masked()))
		}
		for _, key := range []string{r.IP, r.MAC, r.DUID, r.Hostname} {
			first, taken := seen[key]
			if taken && (!isOld || !slices.Contains(old, reservations[first])) {
				framework.AddError(diags, at.AtListIndex(i), "Duplicate reservation",
					fmt.Sprintf("%q is in reservations %d and %d. A guest can have only one address, and an address only one guest. Change or remove one of the reservations.", key, first, i))
			}
			if key != "" {
				seen[key] = i
			}
		}
	}
}

// dhcpOf is the DHCP of an address; empty if there is none.
func dhcpOf(ip *virt.IP) virt.DHCP {
	if ip == nil || ip.DHCP == nil {
		return virt.DHCP{}
	}
	return *ip.DHCP
}

// vlanRelease is the first release of libvirt that tags the packets of guests on bridges other than those of Open vSwitch.
const vlanRelease = 11

// checkVLANs refuses new VLANs if the host's libvirt does not support them on the bridge.
func (r *networkResource) checkVLANs(ctx context.Context, c networkChange, diags *diag.Diagnostics) {
	plan := c.plan
	if plan.VLANs.IsNull() || plan.Mode.ValueString() != virt.ModeBridge || plan.OpenVSwitch.IsUnknown() || plan.OpenVSwitch.ValueBool() {
		return
	}
	if c.state != nil && c.state.VLANs.Equal(plan.VLANs) && c.state.Mode.Equal(plan.Mode) && c.state.OpenVSwitch.Equal(plan.OpenVSwitch) {
		return
	}
	info, err := r.Host.Info(ctx)
	if err != nil {
		return // a create or an update reports this error
	}
	release, _, _ := strings.Cut(info.Libvirt, ".")
	if major, err := strconv.Atoi(release); err == nil && major < vlanRelease || plan.Bridge.IsNull() {
		refuseVLANs(diags)
	}
}
