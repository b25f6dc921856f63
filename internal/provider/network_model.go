package provider

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/cidrtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type ipv4Model struct {
	Address cidrtypes.IPv4Prefix `tfsdk:"address"`
	DHCP    types.Object         `tfsdk:"dhcp"`
}

type dhcpModel struct {
	Ranges       types.List   `tfsdk:"ranges"`
	Reservations types.List   `tfsdk:"reservations"`
	Bootfile     types.String `tfsdk:"bootfile"`
	NextServer   types.String `tfsdk:"next_server"`
	LeaseTime    types.String `tfsdk:"lease_time"`
}

type rangeModel struct {
	Start iptypes.IPv4Address `tfsdk:"start"`
	End   iptypes.IPv4Address `tfsdk:"end"`
}

type reservationModel struct {
	MAC      hwtypes.MACAddress  `tfsdk:"mac"`
	IP       iptypes.IPv4Address `tfsdk:"ip"`
	Hostname types.String        `tfsdk:"hostname"`
}

var (
	rangeType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"start": iptypes.IPv4AddressType{},
		"end":   iptypes.IPv4AddressType{},
	}}
	reservationType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"mac":      hwtypes.MACAddressType{},
		"ip":       iptypes.IPv4AddressType{},
		"hostname": types.StringType,
	}}
	dhcpType = types.ObjectType{AttrTypes: map[string]attr.Type{
		"ranges":       types.ListType{ElemType: rangeType},
		"reservations": types.ListType{ElemType: reservationType},
		"bootfile":     types.StringType,
		"next_server":  types.StringType,
		"lease_time":   types.StringType,
	}}
	ipv4Type = types.ObjectType{AttrTypes: map[string]attr.Type{
		"address": cidrtypes.IPv4PrefixType{},
		"dhcp":    dhcpType,
	}}
)

// validate checks what libvirt and dnsmasq would refuse in other words, or drop without a word.
func (m networkModel) validate(ctx context.Context, diags *diag.Diagnostics) {
	if m.IPv4.IsUnknown() || m.hasUnknown(ctx) {
		return
	}
	n := m.network(ctx, diags)
	if diags.HasError() {
		return
	}
	if m.TFTPRoot.ValueString() != "" && (n.IPv4 == nil || n.IPv4.DHCP == nil || len(n.IPv4.DHCP.Ranges)+len(n.IPv4.DHCP.Reservations) == 0) {
		// libvirt src/network/bridge_driver.c networkDnsmasqConfContents() writes enable-tftp
		// only for an IPv4 address with DHCP.
		diags.AddAttributeError(path.Root("tftp_root"), "TFTP root without DHCP",
			"libvirt serves a TFTP root only on a network with an IPv4 address and a DHCP range or reservation, and drops it without a word otherwise. Add ipv4 with dhcp.ranges or dhcp.reservations.")
	}
	if n.IPv4 == nil {
		return
	}
	if n.IPv4.Address == n.IPv4.Address.Masked() && n.IPv4.Address.Bits() < 31 {
		diags.AddAttributeError(path.Root("ipv4").AtName("address"), "Invalid address",
			fmt.Sprintf("%s is the address of the network itself; give the host's address in it, such as %s/%d.", n.IPv4.Address, n.IPv4.Address.Addr().Next(), n.IPv4.Address.Bits()))
	}
	if n.IPv4.DHCP != nil {
		validateDHCP(*n.IPv4.DHCP, n.IPv4.Address, diags)
	}
}

func validateDHCP(d virt.DHCP, address netip.Prefix, diags *diag.Diagnostics) {
	at := path.Root("ipv4").AtName("dhcp")
	if len(d.Ranges)+len(d.Reservations) == 0 {
		diags.AddAttributeError(at, "DHCP without addresses",
			"libvirt starts no DHCP server that has nothing to hand out, and drops this without a word. Add ranges or reservations, or leave dhcp out.")
	}
	if err := checkBootfile(d.Bootfile); err != nil {
		diags.AddAttributeError(at.AtName("bootfile"), "Invalid bootfile", sentence(within(at.AtName("bootfile"), err)))
	}
	for i, r := range d.Ranges {
		start, end := netip.MustParseAddr(r.Start), netip.MustParseAddr(r.End)
		if end.Less(start) || !address.Contains(start) || !address.Contains(end) {
			diags.AddAttributeError(at.AtName("ranges").AtListIndex(i), "Invalid range",
				fmt.Sprintf("%s to %s is not a range in %s.", start, end, address.Masked()))
		}
	}
	for i, r := range d.Reservations {
		if !address.Contains(netip.MustParseAddr(r.IP)) {
			diags.AddAttributeError(at.AtName("reservations").AtListIndex(i).AtName("ip"), "Invalid reservation",
				fmt.Sprintf("%s is not in %s.", r.IP, address.Masked()))
		}
	}
}

// checkBootfile refuses a bootfile whose own path, or that of a configuration below its directory,
// is longer than the firmware bears.
func checkBootfile(bootfile string) error {
	_, err := pxelinux.Search{
		UUID:     "ffffffff-ffff-ffff-ffff-ffffffffffff", // the longest name
		MAC:      "ff:ff:ff:ff:ff:ff",
		BootFile: bootfile,
	}.Paths()
	return err
}

// warnOfForeignLoader warns of a bootfile that s390x guests on the network cannot boot.
func warnOfForeignLoader(n virt.Network, diags *diag.Diagnostics) {
	if n.IPv4 == nil || n.IPv4.DHCP == nil || !pxelinux.IsForeignLoader(n.IPv4.DHCP.Bootfile) {
		return
	}
	diags.AddAttributeWarning(path.Root("ipv4").AtName("dhcp").AtName("bootfile"), "Bootfile of other machines",
		fmt.Sprintf("DHCP tells every guest on network %q to boot %q. An s390x guest there takes it for a kernel and stops without a word. "+
			"Give s390x guests a network without a bootfile. This warning appears when the network's addresses change, and not again.", n.Name, n.IPv4.DHCP.Bootfile))
}

// validateNew checks what holds for a network that is to be made. One that is there may have
// addresses that this resource does not model.
func (m networkModel) validateNew(diags *diag.Diagnostics) {
	if m.IPv4.IsNull() && !m.Mode.IsUnknown() && m.Mode.ValueString() != "isolated" {
		diags.AddAttributeError(path.Root("mode"), "Network without an address",
			fmt.Sprintf("In mode %q the host forwards the guests' packets, and needs an address on the network for it. Add ipv4, or set mode = \"isolated\".", m.Mode.ValueString()))
	}
}

// keepWords keeps the state's words where the plan says the same in others: a MAC address or a lease
// time can be written in several ways.
func (m *networkModel) keepWords(ctx context.Context, state networkModel, diags *diag.Diagnostics) {
	if m.IPv4.IsUnknown() || m.hasUnknown(ctx) {
		return
	}
	if reflect.DeepEqual(m.network(ctx, diags).IPv4, state.network(ctx, diags).IPv4) {
		m.IPv4 = state.IPv4
	}
}

// hasUnknown tells whether a part of ipv4 or the TFTP root is known only after apply.
func (m networkModel) hasUnknown(ctx context.Context) bool {
	value, err := m.IPv4.ToTerraformValue(ctx)
	return err != nil || !value.IsFullyKnown()
}

// restarts tells whether libvirt has to restart the network to get from the state to the plan.
func (m networkModel) restarts(state networkModel) bool {
	return m.Running.ValueBool() &&
		(!m.Mode.Equal(state.Mode) || !m.Bridge.Equal(state.Bridge) || !m.Domain.Equal(state.Domain) ||
			!m.MTU.Equal(state.MTU) || !m.TFTPRoot.Equal(state.TFTPRoot) || !m.IPv4.Equal(state.IPv4))
}

// culprit is the attribute that an error is about.
func (m networkModel) culprit(err error) path.Path {
	if strings.Contains(err.Error(), "TFTP directory") {
		return path.Root("tftp_root")
	}
	return path.Root("name")
}

// explainNetwork adds what to do where dnsmasq's own words do not say it.
// dnsmasq src/dnsmasq.c: "TFTP directory %s inaccessible: %s".
func explainNetwork(err error) error {
	if !strings.Contains(err.Error(), "TFTP directory") {
		return err
	}
	return fmt.Errorf("%w\n\nThe network did not start because dnsmasq, which runs as an unprivileged user, cannot enter its TFTP root. "+
		"Make sure that the directory exists and that every directory on its path can be entered by all users (chmod o+x), and the directory itself read (chmod o+rx). "+
		"Directories below /root and /home usually cannot; /srv/tftp can", err)
}

// network is the model as libvirt's layer takes it.
func (m networkModel) network(ctx context.Context, diags *diag.Diagnostics) virt.Network {
	n := virt.Network{
		Name:      m.Name.ValueString(),
		Mode:      m.Mode.ValueString(),
		Bridge:    m.Bridge.ValueString(),
		Domain:    m.Domain.ValueString(),
		MTU:       uint(m.MTU.ValueInt64()),
		Autostart: m.Autostart.ValueBool(),
		Active:    m.Running.ValueBool(),
		TFTPRoot:  m.TFTPRoot.ValueString(),
	}
	if m.IPv4.IsNull() {
		return n
	}
	var ipv4 ipv4Model
	diags.Append(m.IPv4.As(ctx, &ipv4, objectAsOptions)...)
	address, err := netip.ParsePrefix(ipv4.Address.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("ipv4").AtName("address"), "Invalid address", sentence(err))
		return n
	}
	n.IPv4 = &virt.IPv4{Address: address}
	if !ipv4.DHCP.IsNull() {
		n.IPv4.DHCP = toDHCP(ctx, ipv4.DHCP, diags)
	}
	return n
}

func toDHCP(ctx context.Context, object types.Object, diags *diag.Diagnostics) *virt.DHCP {
	var m dhcpModel
	var ranges []rangeModel
	var reservations []reservationModel
	diags.Append(object.As(ctx, &m, objectAsOptions)...)
	diags.Append(m.Ranges.ElementsAs(ctx, &ranges, false)...)
	diags.Append(m.Reservations.ElementsAs(ctx, &reservations, false)...)
	d := &virt.DHCP{Bootfile: m.Bootfile.ValueString(), NextServer: m.NextServer.ValueString()}
	for _, r := range ranges {
		d.Ranges = append(d.Ranges, virt.Range{Start: r.Start.ValueString(), End: r.End.ValueString()})
	}
	for _, r := range reservations {
		d.Reservations = append(d.Reservations, virt.Reservation{
			MAC:      canonicalMAC(r.MAC.ValueString()),
			IP:       r.IP.ValueString(),
			Hostname: r.Hostname.ValueString(),
		})
	}
	if lease, err := time.ParseDuration(m.LeaseTime.ValueString()); err == nil {
		d.LeaseSeconds = uint(lease.Seconds())
	}
	return d
}

// fromNetwork takes over what the host has.
func (m *networkModel) fromNetwork(ctx context.Context, n virt.Network, diags *diag.Diagnostics) {
	m.ID = types.StringValue(n.Name)
	m.Name = types.StringValue(n.Name)
	m.Mode = types.StringValue(n.Mode)
	m.Bridge = types.StringValue(n.Bridge)
	m.Domain = optional(n.Domain)
	m.MTU = types.Int64Null()
	if n.MTU != 0 {
		m.MTU = types.Int64Value(int64(n.MTU))
	}
	m.Autostart = types.BoolValue(n.Autostart)
	m.Running = types.BoolValue(n.Active)
	m.TFTPRoot = optional(n.TFTPRoot)
	m.UUID = types.StringValue(n.UUID)
	m.IPv4 = m.fromIPv4(ctx, n.IPv4, diags)
}

func (m networkModel) fromIPv4(ctx context.Context, ipv4 *virt.IPv4, diags *diag.Diagnostics) types.Object {
	if ipv4 == nil {
		return types.ObjectNull(ipv4Type.AttrTypes)
	}
	read := ipv4Model{
		Address: cidrtypes.NewIPv4PrefixValue(ipv4.Address.String()),
		DHCP:    types.ObjectNull(dhcpType.AttrTypes),
	}
	if ipv4.DHCP != nil {
		read.DHCP = fromDHCP(ctx, ipv4.DHCP, m.leaseTime(ctx, diags), diags)
	}
	object, problems := types.ObjectValueFrom(ctx, ipv4Type.AttrTypes, read)
	diags.Append(problems...)
	return object
}

// leaseTime is the lease time as the user wrote it.
func (m networkModel) leaseTime(ctx context.Context, diags *diag.Diagnostics) types.String {
	var ipv4 ipv4Model
	var dhcp dhcpModel
	if m.IPv4.IsNull() {
		return types.StringNull()
	}
	diags.Append(m.IPv4.As(ctx, &ipv4, objectAsOptions)...)
	if ipv4.DHCP.IsNull() {
		return types.StringNull()
	}
	diags.Append(ipv4.DHCP.As(ctx, &dhcp, objectAsOptions)...)
	return dhcp.LeaseTime
}

func fromDHCP(ctx context.Context, d *virt.DHCP, written types.String, diags *diag.Diagnostics) types.Object {
	m := dhcpModel{
		Ranges:       types.ListNull(rangeType),
		Reservations: types.ListNull(reservationType),
		Bootfile:     optional(d.Bootfile),
		NextServer:   optional(d.NextServer),
		LeaseTime:    written,
	}
	if lease, _ := time.ParseDuration(written.ValueString()); uint(lease.Seconds()) != d.LeaseSeconds {
		m.LeaseTime = types.StringValue((time.Duration(d.LeaseSeconds) * time.Second).String())
	}
	var ranges []rangeModel
	for _, r := range d.Ranges {
		ranges = append(ranges, rangeModel{iptypes.NewIPv4AddressValue(r.Start), iptypes.NewIPv4AddressValue(r.End)})
	}
	var reservations []reservationModel
	for _, r := range d.Reservations {
		reservations = append(reservations, reservationModel{hwtypes.NewMACAddressValue(r.MAC), iptypes.NewIPv4AddressValue(r.IP), optional(r.Hostname)})
	}
	var problems diag.Diagnostics
	if len(ranges) > 0 {
		m.Ranges, problems = types.ListValueFrom(ctx, rangeType, ranges)
		diags.Append(problems...)
	}
	if len(reservations) > 0 {
		m.Reservations, problems = types.ListValueFrom(ctx, reservationType, reservations)
		diags.Append(problems...)
	}
	object, problems := types.ObjectValueFrom(ctx, dhcpType.AttrTypes, m)
	diags.Append(problems...)
	return object
}

// optional is a string attribute that is null where libvirt has nothing.
func optional(value string) types.String {
	if value == "" {
		return types.StringNull()
	}
	return types.StringValue(value)
}
