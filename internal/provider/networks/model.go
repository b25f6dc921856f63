package networks

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

type networkModel struct {
	framework.Placement
	ID             types.String   `tfsdk:"id"`
	Name           types.String   `tfsdk:"name"`
	Mode           types.String   `tfsdk:"mode"`
	Bridge         types.String   `tfsdk:"bridge"`
	Devices        types.List     `tfsdk:"forward_devices"`
	PF             types.String   `tfsdk:"physical_function"`
	OpenVSwitch    types.Bool     `tfsdk:"openvswitch"`
	VLANs          types.List     `tfsdk:"vlans"`
	STP            types.Bool     `tfsdk:"stp"`
	Delay          types.Int64    `tfsdk:"delay"`
	MTU            types.Int64    `tfsdk:"mtu"`
	Domain         types.String   `tfsdk:"domain"`
	Autostart      types.Bool     `tfsdk:"autostart"`
	Running        types.Bool     `tfsdk:"running"`
	ForceDestroy   types.Bool     `tfsdk:"force_destroy"`
	TFTPRoot       types.String   `tfsdk:"tftp_root"`
	IPv4           types.Object   `tfsdk:"ipv4"`
	IPv6           types.Object   `tfsdk:"ipv6"`
	DNS            types.Object   `tfsdk:"dns"`
	Routes         types.List     `tfsdk:"routes"`
	DnsmasqOptions types.List     `tfsdk:"dnsmasq_options"`
	UUID           types.String   `tfsdk:"uuid"`
	Timeouts       timeouts.Value `tfsdk:"timeouts"`
}

type ipv4Model struct {
	Address string       `tfsdk:"address"`
	DHCP    *dhcpv4Model `tfsdk:"dhcp"`
}

type dhcpv4Model struct {
	Ranges       []rangeModel `tfsdk:"ranges"`
	Reservations types.List   `tfsdk:"reservations"`
	Bootfile     types.String `tfsdk:"bootfile"`
	NextServer   types.String `tfsdk:"next_server"`
	Boot         []bootModel  `tfsdk:"boot"`
	LeaseTime    types.String `tfsdk:"lease_time"`
}

type ipv6Model struct {
	Address string       `tfsdk:"address"`
	DHCP    *dhcpv6Model `tfsdk:"dhcp"`
}

type dhcpv6Model struct {
	Ranges       []rangeModel `tfsdk:"ranges"`
	Reservations types.List   `tfsdk:"reservations"`
	LeaseTime    types.String `tfsdk:"lease_time"`
}

type rangeModel struct {
	Start     string       `tfsdk:"start"`
	End       string       `tfsdk:"end"`
	LeaseTime types.String `tfsdk:"lease_time"`
}

type routeModel struct {
	To      string      `tfsdk:"to"`
	Gateway string      `tfsdk:"gateway"`
	Metric  types.Int64 `tfsdk:"metric"`
}

type bootModel struct {
	Arch       types.String        `tfsdk:"arch"`
	MAC        hwtypes.MACAddress  `tfsdk:"mac"`
	Bootfile   types.String        `tfsdk:"bootfile"`
	NextServer iptypes.IPv4Address `tfsdk:"next_server"`
	ConfigFile types.String        `tfsdk:"config_file"`
	PathPrefix types.String        `tfsdk:"path_prefix"`
}

type dnsModel struct {
	Enabled    types.Bool       `tfsdk:"enabled"`
	Hosts      []dnsHostModel   `tfsdk:"hosts"`
	Forwarders []forwarderModel `tfsdk:"forwarders"`
}

type dnsHostModel struct {
	IP        string   `tfsdk:"ip"`
	Hostnames []string `tfsdk:"hostnames"`
}

type forwarderModel struct {
	Address iptypes.IPAddress `tfsdk:"address"`
	Domain  types.String      `tfsdk:"domain"`
}

var (
	ipv4Types  = framework.TypesOf(ipv4Attribute.Attributes)
	ipv6Types  = framework.TypesOf(ipv6Attribute.Attributes)
	dnsTypes   = framework.TypesOf(dnsAttribute.Attributes)
	byMACType  = types.ObjectType{AttrTypes: framework.TypesOf(byMAC)}
	byDUIDType = types.ObjectType{AttrTypes: framework.TypesOf(byDUID)}
	routeType  = types.ObjectType{AttrTypes: framework.TypesOf(routesAttribute.NestedObject.Attributes)}
)

func (m networkModel) subject() framework.Subject {
	return framework.Subject{Kind: "network", ID: m.Qualified(m.Name.ValueString())}
}

// isKnown tells whether everything that network needs is known.
func (m networkModel) isKnown(ctx context.Context) bool {
	parts := []attr.Value{m.Name, m.Mode, m.Devices, m.PF, m.OpenVSwitch, m.VLANs, m.STP, m.Delay, m.MTU, m.Domain, m.TFTPRoot, m.IPv4, m.IPv6, m.DNS, m.Routes, m.DnsmasqOptions}
	return !slices.ContainsFunc(parts, func(part attr.Value) bool {
		value, err := part.ToTerraformValue(ctx)
		return err != nil || !value.IsFullyKnown()
	})
}

// definition is a network as package virt takes it, with its rules of ipv4.dhcp.boot in the user's order: libvirt keeps
// these rules among the raw options of dnsmasq.
type definition struct {
	virt.Network
	boot []dnsmasq.Rule
}

// network is a fully known model as package virt takes it.
func (m networkModel) network(ctx context.Context, diags *diag.Diagnostics) virt.Network {
	return m.definition(ctx, diags).Network
}

func (m networkModel) definition(ctx context.Context, diags *diag.Diagnostics) definition {
	n := virt.Network{
		Name:        m.Name.ValueString(),
		Mode:        m.Mode.ValueString(),
		Bridge:      m.Bridge.ValueString(),
		PF:          m.PF.ValueString(),
		OpenVSwitch: m.OpenVSwitch.ValueBool(),
		STP:         m.STP.ValueBool(),
		Delay:       uint(m.Delay.ValueInt64()),
		MTU:         uint(m.MTU.ValueInt64()),
		Domain:      m.Domain.ValueString(),
		Autostart:   m.Autostart.ValueBool(),
		Active:      m.Running.ValueBool(),
		TFTPRoot:    m.TFTPRoot.ValueString(),
	}
	diags.Append(m.VLANs.ElementsAs(ctx, &n.VLANs, false)...)
	diags.Append(m.Devices.ElementsAs(ctx, &n.Devices, false)...)
	var routes []routeModel
	diags.Append(m.Routes.ElementsAs(ctx, &routes, false)...)
	for i, route := range routes {
		n.Routes = append(n.Routes, route.virt(path.Root("routes").AtListIndex(i), diags))
	}
	diags.Append(m.DnsmasqOptions.ElementsAs(ctx, &n.Options, false)...)
	var boot []dnsmasq.Rule
	n.IPv4, boot = m.ipv4(ctx, diags)
	n.Options = append(n.Options, dnsmasq.Options(boot)...)
	n.IPv6, n.DNS = m.ipv6(ctx, diags), m.dns(ctx, diags)
	return definition{n, boot}
}

func (m networkModel) ipv4(ctx context.Context, diags *diag.Diagnostics) (*virt.IP, []dnsmasq.Rule) {
	read := framework.As[ipv4Model](ctx, m.IPv4, diags)
	if read == nil {
		return nil, nil
	}
	ip := &virt.IP{Address: prefix(read.Address, path.Root("ipv4").AtName("address"), diags)}
	d := read.DHCP
	if d == nil {
		return ip, nil
	}
	ip.DHCP = &virt.DHCP{
		Ranges:       ranges(d.Ranges, d.LeaseTime),
		Reservations: reservations(d.Reservations, d.LeaseTime),
		Bootfile:     d.Bootfile.ValueString(),
		NextServer:   d.NextServer.ValueString(),
	}
	return ip, framework.Each(d.Boot, bootModel.rule)
}

func (m networkModel) ipv6(ctx context.Context, diags *diag.Diagnostics) *virt.IP {
	read := framework.As[ipv6Model](ctx, m.IPv6, diags)
	if read == nil {
		return nil
	}
	ip := &virt.IP{Address: prefix(read.Address, path.Root("ipv6").AtName("address"), diags)}
	if d := read.DHCP; d != nil {
		ip.DHCP = &virt.DHCP{
			Ranges:       ranges(d.Ranges, d.LeaseTime),
			Reservations: reservations(d.Reservations, d.LeaseTime),
		}
	}
	return ip
}

func (m networkModel) dns(ctx context.Context, diags *diag.Diagnostics) *virt.DNS {
	read := framework.As[dnsModel](ctx, m.DNS, diags)
	if read == nil {
		return nil
	}
	return &virt.DNS{
		Disabled:   !read.Enabled.IsNull() && !read.Enabled.ValueBool(),
		Hosts:      framework.Each(read.Hosts, dnsHostModel.virt),
		Forwarders: framework.Each(read.Forwarders, forwarderModel.virt),
	}
}

// ranges are the ranges of a DHCP. The general lease time applies to each range that has none of its own.
func ranges(all []rangeModel, general types.String) []virt.Range {
	return framework.Each(all, func(r rangeModel) virt.Range {
		return virt.Range{Start: canonicalIP(r.Start), End: canonicalIP(r.End), Lease: lease(r.LeaseTime.ValueString(), general)}
	})
}

func (r routeModel) virt(at path.Path, diags *diag.Diagnostics) virt.Route {
	return virt.Route{To: prefix(r.To, at.AtName("to"), diags), Gateway: canonicalIP(r.Gateway), Metric: uint(r.Metric.ValueInt64())}
}

// reservations reads the reservations element by element: there may be a thousand, and the framework's reflection would
// take as long for them as for everything else together.
func reservations(list types.List, general types.String) []virt.Reservation {
	return framework.Each(list.Elements(), func(element attr.Value) virt.Reservation {
		return virt.Reservation{
			MAC:      canonicalMAC(framework.Member(element, "mac")),
			DUID:     strings.ToLower(framework.Member(element, "duid")),
			IP:       canonicalIP(framework.Member(element, "ip")),
			Hostname: framework.Member(element, "hostname"),
			Lease:    lease(framework.Member(element, "lease_time"), general),
		}
	})
}

func (b bootModel) rule() dnsmasq.Rule {
	rule := dnsmasq.Rule{
		Arch:       b.Arch.ValueString(),
		Bootfile:   b.Bootfile.ValueString(),
		NextServer: b.NextServer.ValueString(),
		ConfigFile: b.ConfigFile.ValueString(),
		PathPrefix: b.PathPrefix.ValueString(),
	}
	if !b.MAC.IsNull() {
		rule.MAC = netboot.CanonicalMAC(b.MAC.ValueString())
	}
	return rule
}

func (h dnsHostModel) virt() virt.DNSHost {
	return virt.DNSHost{IP: canonicalIP(h.IP), Names: h.Hostnames}
}

func (f forwarderModel) virt() virt.Forwarder {
	forwarder := virt.Forwarder{Domain: f.Domain.ValueString()}
	if !f.Address.IsNull() {
		forwarder.Address = canonicalIP(f.Address.ValueString())
	}
	return forwarder
}

func prefix(text string, at path.Path, diags *diag.Diagnostics) netip.Prefix {
	address, err := netip.ParsePrefix(text)
	if err != nil {
		framework.AddError(diags, at, "Invalid address", framework.Sentence(err))
	}
	return address
}

// canonicalIP is an address as libvirt writes it.
func canonicalIP(text string) string {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	return address.String()
}

// canonicalMAC is an address as libvirt writes it; empty for an empty text.
func canonicalMAC(text string) string {
	if text == "" {
		return ""
	}
	return netboot.CanonicalMAC(text)
}
