package networks

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fromNetwork takes over what the host has. Where that is what the model says already, in other words
// or in another order, it keeps the model's.
func (m *networkModel) fromNetwork(ctx context.Context, n virt.Network, diags *diag.Diagnostics) {
	before := m.definition(ctx, diags)
	rules, options := framework.BootRules(n)
	if !same(
		virt.Network{IPv4: before.IPv4, Options: dnsmasq.Options(before.boot)},
		virt.Network{IPv4: n.IPv4, Options: dnsmasq.Options(rules)},
	) {
		m.IPv4 = fromIPv4(ctx, n.IPv4, rules, diags)
	}
	if !same(virt.Network{IPv6: before.IPv6}, virt.Network{IPv6: n.IPv6}) {
		m.IPv6 = fromIPv6(ctx, n.IPv6, diags)
	}
	if !same(virt.Network{DNS: before.DNS}, virt.Network{DNS: n.DNS}) {
		m.DNS = fromDNS(ctx, n.DNS, diags)
	}
	if !same(virt.Network{VLANs: before.VLANs}, virt.Network{VLANs: n.VLANs}) {
		m.VLANs = framework.ListFrom(ctx, types.Int64Type, n.VLANs, diags)
	}
	m.DnsmasqOptions = framework.ListFrom(ctx, types.StringType, options, diags)
	m.ID = types.StringValue(m.Qualified(n.Name))
	m.Name = types.StringValue(n.Name)
	m.Mode = types.StringValue(n.Mode)
	m.Bridge = types.StringValue(n.Bridge)
	m.OpenVSwitch = types.BoolValue(n.OpenVSwitch)
	m.STP, m.Delay = types.BoolValue(n.STP), types.Int64Value(int64(n.Delay))
	if n.Mode == virt.ModeBridge {
		m.STP, m.Delay = types.BoolNull(), types.Int64Null()
	}
	m.MTU = types.Int64Null()
	if n.MTU != 0 {
		m.MTU = types.Int64Value(int64(n.MTU))
	}
	m.Domain = framework.Optional(n.Domain)
	m.Autostart = types.BoolValue(n.Autostart)
	m.Running = types.BoolValue(n.Active)
	m.TFTPRoot = framework.Optional(n.TFTPRoot)
	m.UUID = types.StringValue(n.UUID)
}

// same tells whether both are the same to libvirt, whatever the order.
func same(a, b virt.Network) bool { return a.ChangeTo(b) == virt.NoChange }

func fromIPv4(ctx context.Context, ip *virt.IP, rules []dnsmasq.Rule, diags *diag.Diagnostics) types.Object {
	if ip == nil {
		return types.ObjectNull(ipv4Types)
	}
	read := ipv4Model{Address: ip.Address.String()}
	if d := ip.DHCP; d != nil {
		read.DHCP = &dhcpv4Model{
			Ranges:       framework.Each(d.Ranges, fromRange),
			Reservations: framework.ListFrom(ctx, byMACType, framework.Each(d.Reservations, fromReservationByMAC), diags),
			Bootfile:     framework.Optional(d.Bootfile),
			NextServer:   framework.Optional(d.NextServer),
			Boot:         framework.Each(rules, fromRule),
			LeaseTime:    fromSeconds(d.LeaseSeconds),
		}
	}
	return framework.ObjectFrom(ctx, ipv4Types, read, diags)
}

func fromIPv6(ctx context.Context, ip *virt.IP, diags *diag.Diagnostics) types.Object {
	if ip == nil {
		return types.ObjectNull(ipv6Types)
	}
	read := ipv6Model{Address: ip.Address.String()}
	if d := ip.DHCP; d != nil {
		read.DHCP = &dhcpv6Model{
			Ranges:       framework.Each(d.Ranges, fromRange),
			Reservations: framework.ListFrom(ctx, byDUIDType, framework.Each(d.Reservations, fromReservationByDUID), diags),
			LeaseTime:    fromSeconds(d.LeaseSeconds),
		}
	}
	return framework.ObjectFrom(ctx, ipv6Types, read, diags)
}

func fromDNS(ctx context.Context, dns *virt.DNS, diags *diag.Diagnostics) types.Object {
	if dns == nil {
		return types.ObjectNull(dnsTypes)
	}
	return framework.ObjectFrom(ctx, dnsTypes, dnsModel{
		Enabled:    types.BoolValue(!dns.Disabled),
		Hosts:      framework.Each(dns.Hosts, fromDNSHost),
		Forwarders: framework.Each(dns.Forwarders, fromForwarder),
	}, diags)
}

func fromRange(r virt.Range) rangeModel { return rangeModel(r) }

func fromReservationByMAC(r virt.Reservation) attr.Value {
	return types.ObjectValueMust(byMACType.AttrTypes, map[string]attr.Value{
		"mac": hwtypes.NewMACAddressValue(r.MAC), "ip": iptypes.NewIPv4AddressValue(r.IP), "hostname": framework.Optional(r.Hostname),
	})
}

func fromReservationByDUID(r virt.Reservation) attr.Value {
	return types.ObjectValueMust(byDUIDType.AttrTypes, map[string]attr.Value{
		"duid": framework.Optional(r.DUID), "ip": iptypes.NewIPv6AddressValue(r.IP), "hostname": framework.Optional(r.Hostname),
	})
}

func fromRule(r dnsmasq.Rule) bootModel {
	return bootModel{
		Arch:       framework.Optional(r.Arch),
		MAC:        hwtypes.MACAddress{StringValue: framework.Optional(r.MAC)},
		Bootfile:   framework.Optional(r.Bootfile),
		NextServer: iptypes.IPv4Address{StringValue: framework.Optional(r.NextServer)},
		ConfigFile: framework.Optional(r.ConfigFile),
		PathPrefix: framework.Optional(r.PathPrefix),
	}
}

func fromDNSHost(h virt.DNSHost) dnsHostModel { return dnsHostModel{IP: h.IP, Hostnames: h.Names} }

func fromForwarder(f virt.Forwarder) forwarderModel {
	return forwarderModel{Address: iptypes.IPAddress{StringValue: framework.Optional(f.Address)}, Domain: framework.Optional(f.Domain)}
}
