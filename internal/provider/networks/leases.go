package networks

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// libvirt keeps a lease time with each range and each reservation. In the schema, lease_time of dhcp applies to all
// ranges and reservations that have none of their own. A lease time that a configuration does not set stays as it is on
// the host.

// endless is the lease time of leases that never end.
const endless = "infinite"

// lease is a range's or reservation's own lease time, which the schema has checked, or the general one if it has none.
func lease(own string, general types.String) virt.Lease {
	if own == "" {
		own = general.ValueString()
	}
	if own == endless {
		return virt.Endless
	}
	d, _ := time.ParseDuration(own)
	return virt.Lease(d / time.Second)
}

// leaseWord is a lease time as text; null if it is the general one.
func leaseWord(l, general virt.Lease) types.String {
	switch l {
	case general, 0:
		return types.StringNull()
	case virt.Endless:
		return types.StringValue(endless)
	default:
		return types.StringValue((time.Duration(l) * time.Second).String())
	}
}

// generalLease is the lease time of dhcp, or 0 if each range and reservation has to set its own. It is the one that was
// set before, unless some range or reservation has none; or the one that all have, if there are both ranges and
// reservations. A single range or reservation keeps its own lease time.
func generalLease(d virt.DHCP, said types.String) virt.Lease {
	var all []virt.Lease
	for _, r := range d.Ranges {
		all = append(all, r.Lease)
	}
	for _, r := range d.Reservations {
		all = append(all, r.Lease)
	}
	if before := lease("", said); before != 0 && !slices.Contains(all, 0) {
		return before
	}
	if len(d.Ranges) > 0 && len(d.Reservations) > 0 && len(slices.Compact(all)) == 1 {
		return all[0]
	}
	return 0
}

// saidLease is the general lease time of an address.
func saidLease(ip types.Object) types.String {
	said, _ := member(member(ip, "dhcp"), "lease_time").(types.String)
	return said
}

// completeLeases fills in the lease times that the configuration omits with those from before. wasSet names the lease
// times that the configuration set at the last apply: if it now omits them, they are removed.
func (m *networkModel) completeLeases(config, before networkModel, wasSet []string) {
	m.IPv4 = leases{config.IPv4, before.IPv4, "ipv4", wasSet}.complete(m.IPv4)
	m.IPv6 = leases{config.IPv6, before.IPv6, "ipv6", wasSet}.complete(m.IPv6)
}

// leases are the lease times of an address, as the configuration sets them and as they were before.
type leases struct {
	config, before types.Object
	family         string
	wasSet         []string
}

func (l leases) complete(plan types.Object) types.Object {
	said, had := member(l.config, "dhcp"), member(l.before, "dhcp")
	now, _ := member(plan, "dhcp").(types.Object)
	if !isObject(said) || !isObject(now) {
		return plan
	}
	dhcp := maps.Clone(now.Attributes())
	general := member(said, "lease_time")
	if general.IsNull() {
		dhcp["lease_time"] = l.kept(member(had, "lease_time"), generalKey(l.family))
	}
	for _, name := range leasedLists {
		dhcp[name] = l.completeList(dhcp[name], member(said, name), l.ofBefore(member(had, name), general))
	}
	return withMember(plan, "dhcp", withMembers(now, dhcp))
}

// ofBefore are the own lease times that ranges or reservations had, by leaseKey. If the configuration sets a general
// lease time, there are none; if that is not known yet, their values are unknown.
func (l leases) ofBefore(list, general attr.Value) map[string]attr.Value {
	own := map[string]attr.Value{}
	if framework.IsKnown(general) {
		return own
	}
	for _, element := range elements(list) {
		key := leaseKey(l.family, element)
		kept := l.kept(member(element, "lease_time"), key)
		switch {
		case kept.IsNull():
		case general.IsUnknown():
			own[key] = types.StringUnknown()
		default:
			own[key] = kept
		}
	}
	return own
}

// kept is the value from before, unless the configuration had set it.
func (l leases) kept(before attr.Value, key string) attr.Value {
	if before == nil || slices.Contains(l.wasSet, key) {
		return types.StringNull()
	}
	return before
}

func (l leases) completeList(plan, said attr.Value, own map[string]attr.Value) attr.Value {
	list, _ := plan.(types.List)
	all, words := slices.Clone(list.Elements()), elements(said)
	if len(all) == 0 || len(words) != len(all) {
		return plan
	}
	for i := range all {
		element, _ := all[i].(types.Object)
		if !isObject(element) || !isObject(words[i]) || !member(words[i], "lease_time").IsNull() {
			continue
		}
		kept, known := own[leaseKey(l.family, element)]
		switch {
		case !known && len(own) > 0 && !hasKnownKey(element): // it may be one of those with an own lease time
			kept = types.StringUnknown()
		case !known:
			kept = types.StringNull()
		}
		all[i] = withMember(element, "lease_time", kept)
	}
	return types.ListValueMust(list.ElementType(context.Background()), all)
}

// leasedLists are the lists whose elements may have a lease time.
var leasedLists = []string{"ranges", "reservations"}

// generalKey names the general lease time in the private state, which keeps the names of the lease times that the last
// apply set.
func generalKey(family string) string { return family + ".dhcp.lease_time" }

// leaseKey names the lease time of a range or a reservation in the private state.
func leaseKey(family string, element attr.Value) string {
	text := func(name string) string { return framework.Member(element, name) }
	if start := text("start"); start != "" {
		return strings.Join([]string{family, canonicalIP(start), canonicalIP(text("end"))}, " ")
	}
	if id := canonicalMAC(text("mac")) + strings.ToLower(text("duid")); id != "" {
		return family + " " + id
	}
	return family + " " + text("hostname")
}

// hasKnownKey tells whether the attributes that leaseKey uses are known.
func hasKnownKey(element types.Object) bool {
	return !slices.ContainsFunc([]string{"start", "end", "mac", "duid", "hostname"}, func(name string) bool {
		value := member(element, name)
		return value != nil && value.IsUnknown()
	})
}

// setLeases names the lease times that a configuration sets.
func (m networkModel) setLeases() (names []string) {
	for family, ip := range map[string]types.Object{"ipv4": m.IPv4, "ipv6": m.IPv6} {
		dhcp := member(ip, "dhcp")
		if said := member(dhcp, "lease_time"); said != nil && !said.IsNull() {
			names = append(names, generalKey(family))
		}
		for _, name := range leasedLists {
			for _, element := range elements(member(dhcp, name)) {
				if said := member(element, "lease_time"); said != nil && !said.IsNull() {
					names = append(names, leaseKey(family, element))
				}
			}
		}
	}
	return names
}

// saysLeasesAlike tells whether two addresses with the same meaning set their lease times in the same places. Only then
// a plan may keep the spelling of the state, because it must not omit a lease time.
func saysLeasesAlike(a, b types.Object) bool {
	says := func(ip types.Object) (places []bool) {
		dhcp := member(ip, "dhcp")
		places = append(places, isNull(member(dhcp, "lease_time")))
		for _, name := range leasedLists {
			for _, element := range elements(member(dhcp, name)) {
				places = append(places, isNull(member(element, "lease_time")))
			}
		}
		return places
	}
	return slices.Equal(says(a), says(b))
}

func isNull(v attr.Value) bool { return v == nil || v.IsNull() }

// member is an attribute of an object; nil if the value is not an object.
func member(of attr.Value, name string) attr.Value {
	object, _ := of.(types.Object)
	return object.Attributes()[name]
}

func isObject(v attr.Value) bool {
	_, is := v.(types.Object)
	return is && framework.IsKnown(v)
}

func elements(list attr.Value) []attr.Value {
	of, _ := list.(types.List)
	return of.Elements()
}

func withMember(object types.Object, name string, value attr.Value) types.Object {
	attributes := maps.Clone(object.Attributes())
	attributes[name] = value
	return withMembers(object, attributes)
}

func withMembers(object types.Object, attributes map[string]attr.Value) types.Object {
	return types.ObjectValueMust(object.AttributeTypes(context.Background()), attributes)
}
