package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fromNetwork takes over what the host has. Where that is what the model says already, in other words
// or in another order, it keeps the model's.
func (m *networkModel) fromNetwork(ctx context.Context, n virt.Network, diags *diag.Diagnostics) {
	before := m.definition(ctx, diags)
	rules, options := bootRules(n)
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
		m.VLANs = fromList(ctx, types.Int64Type, n.VLANs, diags)
	}
	m.DnsmasqOptions = fromList(ctx, types.StringType, options, diags)
	m.ID = types.StringValue(m.qualified(n.Name))
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
	m.Domain = optional(n.Domain)
	m.Autostart = types.BoolValue(n.Autostart)
	m.Running = types.BoolValue(n.Active)
	m.TFTPRoot = optional(n.TFTPRoot)
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
			Ranges:       each(d.Ranges, fromRange),
			Reservations: fromList(ctx, byMACType, each(d.Reservations, fromReservationByMAC), diags),
			Bootfile:     optional(d.Bootfile),
			NextServer:   optional(d.NextServer),
			Boot:         each(rules, fromRule),
			LeaseTime:    fromSeconds(d.LeaseSeconds),
		}
	}
	return objectFrom(ctx, ipv4Types, read, diags)
}

func fromIPv6(ctx context.Context, ip *virt.IP, diags *diag.Diagnostics) types.Object {
	if ip == nil {
		return types.ObjectNull(ipv6Types)
	}
	read := ipv6Model{Address: ip.Address.String()}
	if d := ip.DHCP; d != nil {
		read.DHCP = &dhcpv6Model{
			Ranges:       each(d.Ranges, fromRange),
			Reservations: fromList(ctx, byDUIDType, each(d.Reservations, fromReservationByDUID), diags),
			LeaseTime:    fromSeconds(d.LeaseSeconds),
		}
	}
	return objectFrom(ctx, ipv6Types, read, diags)
}

func fromDNS(ctx context.Context, dns *virt.DNS, diags *diag.Diagnostics) types.Object {
	if dns == nil {
		return types.ObjectNull(dnsTypes)
	}
	return objectFrom(ctx, dnsTypes, dnsModel{
		Enabled:    types.BoolValue(!dns.Disabled),
		Hosts:      each(dns.Hosts, fromDNSHost),
		Forwarders: each(dns.Forwarders, fromForwarder),
	}, diags)
}

func fromRange(r virt.Range) rangeModel { return rangeModel(r) }

func fromReservationByMAC(r virt.Reservation) attr.Value {
	return types.ObjectValueMust(byMACType.AttrTypes, map[string]attr.Value{
		"mac": hwtypes.NewMACAddressValue(r.MAC), "ip": iptypes.NewIPv4AddressValue(r.IP), "hostname": optional(r.Hostname),
	})
}

func fromReservationByDUID(r virt.Reservation) attr.Value {
	return types.ObjectValueMust(byDUIDType.AttrTypes, map[string]attr.Value{
		"duid": optional(r.DUID), "ip": iptypes.NewIPv6AddressValue(r.IP), "hostname": optional(r.Hostname),
	})
}

func fromRule(r dnsmasq.Rule) bootModel {
	return bootModel{
		Arch:       optional(r.Arch),
		MAC:        hwtypes.MACAddress{StringValue: optional(r.MAC)},
		Bootfile:   optional(r.Bootfile),
		NextServer: iptypes.IPv4Address{StringValue: optional(r.NextServer)},
		ConfigFile: optional(r.ConfigFile),
		PathPrefix: optional(r.PathPrefix),
	}
}

func fromDNSHost(h virt.DNSHost) dnsHostModel { return dnsHostModel{IP: h.IP, Hostnames: h.Names} }

func fromForwarder(f virt.Forwarder) forwarderModel {
	return forwarderModel{Address: iptypes.IPAddress{StringValue: optional(f.Address)}, Domain: optional(f.Domain)}
}
