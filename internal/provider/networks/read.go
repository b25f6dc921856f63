package networks

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// fromNetwork copies a network of the host into the model. If an attribute already means the same, with another spelling
// or in another order, it stays as it is.
func (m *networkModel) fromNetwork(ctx context.Context, n virt.Network, diags *diag.Diagnostics) {
	before := m.definition(ctx, diags)
	m.fromPlug(ctx, n, diags)
	rules, options := framework.BootRules(n)
	if !same(
		virt.Network{IPv4: before.IPv4, Options: dnsmasq.Options(before.boot)},
		virt.Network{IPv4: n.IPv4, Options: dnsmasq.Options(rules)},
	) {
		m.IPv4 = fromIPv4(ctx, n.IPv4, rules, saidLease(m.IPv4), diags)
	}
	if !same(virt.Network{IPv6: before.IPv6}, virt.Network{IPv6: n.IPv6}) {
		m.IPv6 = fromIPv6(ctx, n.IPv6, saidLease(m.IPv6), diags)
	}
	if !same(virt.Network{DNS: before.DNS}, virt.Network{DNS: n.DNS}) {
		m.DNS = fromDNS(ctx, n.DNS, diags)
	}
	if !same(virt.Network{VLANs: before.VLANs}, virt.Network{VLANs: n.VLANs}) {
		m.VLANs = framework.ListFrom(ctx, types.Int64Type, n.VLANs, diags)
	}
	if !same(virt.Network{Routes: before.Routes}, virt.Network{Routes: n.Routes}) {
		m.Routes = framework.ListFrom(ctx, routeType, framework.Each(n.Routes, fromRoute), diags)
	}
	m.DnsmasqOptions = framework.ListFrom(ctx, types.StringType, options, diags)
	m.ID = types.StringValue(m.Qualified(n.Name))
	m.Name = types.StringValue(n.Name)
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

// fromPlug copies what guests are attached to into the model.
func (m *networkModel) fromPlug(ctx context.Context, n virt.Network, diags *diag.Diagnostics) {
	m.Mode = types.StringValue(n.Mode)
	m.Bridge = framework.Optional(n.Bridge)
	m.Devices = framework.ListFrom(ctx, types.StringType, n.Devices, diags)
	m.PF = framework.Optional(n.PF)
	m.OpenVSwitch = types.BoolValue(n.OpenVSwitch)
	m.STP, m.Delay = types.BoolNull(), types.Int64Null()
	if n.MakesBridge() {
		m.STP, m.Delay = types.BoolValue(n.STP), types.Int64Value(int64(n.Delay))
	}
}

// warnOfUnmodelled reports the parts of an imported network that have no attribute.
func warnOfUnmodelled(n virt.Network, diags *diag.Diagnostics) {
	if len(n.Unmodelled) == 0 {
		return
	}
	diags.AddWarning(fmt.Sprintf("Parts of network %q have no attribute", n.Name),
		fmt.Sprintf("Its definition also has %s. This resource has no attribute for that, and every change leaves it as it is. To change it, use \"virsh net-edit %s\" on the host. Such a change is not drift, and takes effect the next time the network starts.",
			strings.Join(n.Unmodelled, ", "), n.Name))
}

// same tells whether two networks are the same to libvirt, in any order.
func same(a, b virt.Network) bool { return a.ChangeTo(b) == virt.NoChange }

func fromIPv4(ctx context.Context, ip *virt.IP, rules []dnsmasq.Rule, said types.String, diags *diag.Diagnostics) types.Object {
	if ip == nil {
		return types.ObjectNull(ipv4Types)
	}
	read := ipv4Model{Address: ip.Address.String()}
	if d := ip.DHCP; d != nil {
		general := generalLease(*d, said)
		read.DHCP = &dhcpv4Model{
			Ranges:       fromRanges(d.Ranges, general),
			Reservations: framework.ListFrom(ctx, byMACType, fromReservations(d.Reservations, general, byMACType), diags),
			Bootfile:     framework.Optional(d.Bootfile),
			NextServer:   framework.Optional(d.NextServer),
			Boot:         framework.Each(rules, fromRule),
			LeaseTime:    leaseWord(general, 0),
		}
	}
	return framework.ObjectFrom(ctx, ipv4Types, read, diags)
}

func fromIPv6(ctx context.Context, ip *virt.IP, said types.String, diags *diag.Diagnostics) types.Object {
	if ip == nil {
		return types.ObjectNull(ipv6Types)
	}
	read := ipv6Model{Address: ip.Address.String()}
	if d := ip.DHCP; d != nil {
		general := generalLease(*d, said)
		read.DHCP = &dhcpv6Model{
			Ranges:       fromRanges(d.Ranges, general),
			Reservations: framework.ListFrom(ctx, byDUIDType, fromReservations(d.Reservations, general, byDUIDType), diags),
			LeaseTime:    leaseWord(general, 0),
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

func fromRanges(all []virt.Range, general virt.Lease) []rangeModel {
	return framework.Each(all, func(r virt.Range) rangeModel { return rangeModel{r.Start, r.End, leaseWord(r.Lease, general)} })
}

// fromReservations makes objects of one of the two types, by MAC or by DUID.
func fromReservations(all []virt.Reservation, general virt.Lease, of types.ObjectType) []attr.Value {
	return framework.Each(all, func(r virt.Reservation) attr.Value {
		values := map[string]attr.Value{"hostname": framework.Optional(r.Hostname), "lease_time": leaseWord(r.Lease, general)}
		if _, byMAC := of.AttrTypes["mac"]; byMAC {
			values["mac"], values["ip"] = hwtypes.MACAddress{StringValue: framework.Optional(r.MAC)}, iptypes.NewIPv4AddressValue(r.IP)
		} else {
			values["duid"], values["ip"] = framework.Optional(r.DUID), iptypes.NewIPv6AddressValue(r.IP)
		}
		return types.ObjectValueMust(of.AttrTypes, values)
	})
}

func fromRoute(r virt.Route) routeModel {
	return routeModel{r.To.String(), r.Gateway, framework.OptionalNumber(r.Metric)}
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
