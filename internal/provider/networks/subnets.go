package networks

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// checkSubnets refuses a new address whose subnet overlaps with another network of the host: libvirt starts only one of
// them.
func (r *networkResource) checkSubnets(ctx context.Context, c networkChange, diags *diag.Diagnostics) {
	r.Plans.Holds.Add(netboot.NetworkHolder(c.now.Name), subnetsOf(c.now.Network))
	var prefixes []netip.Prefix
	for _, ip := range []*virt.IP{c.now.IPv4, c.now.IPv6} {
		if ip != nil && c.plan.Running.ValueBool() {
			prefixes = append(prefixes, ip.Address)
		}
	}
	r.Plans.Subnets.Add(c.now.Name, prefixes)
	for _, family := range []struct {
		name        string
		now, before *virt.IP
	}{{"ipv4", c.now.IPv4, c.before.IPv4}, {"ipv6", c.now.IPv6, c.before.IPv6}} {
		if family.now == nil || subnetOf(family.now) == subnetOf(family.before) || !c.plan.Running.ValueBool() {
			continue
		}
		if planned := r.planned(c.now.Name, family.now.Address); planned != "" {
			diags.AddAttributeError(path.Root(family.name).AtName("address"), "Subnet is in this configuration twice",
				fmt.Sprintf("%s overlaps with the subnet of network %q. Only one of these networks can run. Choose another subnet.", family.now.Address.Masked(), planned))
			return
		}
		other, err := r.overlapping(ctx, c.now.Name, family.now.Address)
		if err != nil {
			return // the apply reports this error if it persists
		}
		if other.Name != "" {
			diags.AddAttributeError(path.Root(family.name).AtName("address"), "Subnet is in use",
				fmt.Sprintf("%s overlaps with network %q of the host, which has %s. Only one of these networks can run. Choose another subnet.", family.now.Address.Masked(), other.Name, strings.Join(subnetsOf(other), " and ")))
		}
	}
}

// planned is another network of this run whose subnet overlaps; "" if there is none.
func (r *networkResource) planned(name string, address netip.Prefix) string {
	return r.Plans.Subnets.Search(func(other string, subnets []netip.Prefix) bool {
		return other != name && slices.ContainsFunc(subnets, address.Overlaps)
	})
}

// overlapping is another running network whose subnet overlaps, and keeps its subnet in this run.
func (r *networkResource) overlapping(ctx context.Context, name string, address netip.Prefix) (virt.Network, error) {
	names, err := r.Host.NetworkNames(ctx)
	if err != nil {
		return virt.Network{}, err
	}
	for _, other := range names {
		network, err := r.Host.Network(ctx, other)
		if framework.IsNotFound(err) || other == name {
			continue
		}
		if err != nil {
			return virt.Network{}, err
		}
		overlaps := func(ip *virt.IP) bool { return ip != nil && ip.Address.Overlaps(address) }
		if network.Active && (overlaps(network.IPv4) || overlaps(network.IPv6)) && !r.Plans.Frees(ctx, netboot.NetworkHolder(other), subnetsOf(network)...) {
			return network, nil
		}
	}
	return virt.Network{}, nil
}

func subnetsOf(n virt.Network) (subnets []string) {
	for _, ip := range []*virt.IP{n.IPv4, n.IPv6} {
		if ip != nil {
			subnets = append(subnets, subnetOf(ip))
		}
	}
	return subnets
}

// subnetOf is the subnet of an address; "" if there is no address.
func subnetOf(ip *virt.IP) string {
	if ip == nil {
		return ""
	}
	return ip.Address.Masked().String()
}
