package networks

import (
	"fmt"
	"math"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/cidrtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// asOnHost ends the description of an attribute that is computed until it is set.
const asOnHost = " Default: as it is on the host, which is none for a new network. What was set once is taken away with the attribute."

var forwardDevicesAttribute = schema.ListAttribute{
	MarkdownDescription: "Network devices of the host's, such as `eth0` or `enc1000`. In the modes `bridge`, `private`, `vepa` and `passthrough` guests are plugged into them by macvtap, each into the one that the fewest use; the host itself does not reach guests that way. In the modes `nat` and `route` the one by which the host forwards guests' packets; without it, by any." + asOnHost,
	ElementType:         types.StringType,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(framework.Device)},
}

var physicalFunctionAttribute = schema.StringAttribute{
	MarkdownDescription: "Network device of the host's whose virtual functions (SR-IOV) guests get: as PCI devices in mode `hostdev`, by macvtap in the others. In place of `forward_devices`." + asOnHost,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.String{framework.Device},
}

var ipv4Attribute = schema.SingleNestedAttribute{
	MarkdownDescription: "The host's IPv4 address on the network, and DHCP.",
	Optional:            true,
	Attributes: map[string]schema.Attribute{
		"address": requiredAs("The host's address with the length of the network's prefix, such as `192.168.150.1/24`.", cidrtypes.IPv4PrefixType{}),
		"dhcp": schema.SingleNestedAttribute{
			MarkdownDescription: "What DHCP offers.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"ranges":       rangesAttribute(iptypes.IPv4AddressType{}),
				"reservations": reservationsAttribute(byMAC),
				"bootfile":     framework.OptionalString("File that DHCP tells guests to boot, unless a rule in `boot` tells them otherwise. s390x guests need none: without it their firmware looks for a pxelinux configuration."),
				"next_server":  framework.OptionalString("TFTP server that DHCP names, with `bootfile`. Default: the host.", ipv4Address, stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("bootfile"))),
				"boot":         bootAttribute,
				"lease_time":   generalLeaseTime,
			},
		},
	},
}

var ipv6Attribute = schema.SingleNestedAttribute{
	MarkdownDescription: "The host's IPv6 address on the network, and DHCPv6. s390x firmware boots by IPv4 alone." + asOnHost,
	Optional:            true,
	Computed:            true,
	Attributes: map[string]schema.Attribute{
		"address": requiredAs("The host's address with the length of the network's prefix, such as `fd00:150::1/64`.", cidrtypes.IPv6PrefixType{}),
		"dhcp": schema.SingleNestedAttribute{
			MarkdownDescription: "What DHCPv6 offers.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"ranges":       rangesAttribute(iptypes.IPv6AddressType{}),
				"reservations": reservationsAttribute(byDUID),
				"lease_time":   generalLeaseTime,
			},
		},
	},
}

var dnsAttribute = schema.SingleNestedAttribute{
	MarkdownDescription: "What the network's DNS server answers beside the names of guests." + asOnHost,
	Optional:            true,
	Computed:            true,
	Attributes: map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether the network has a DNS server. Default: `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"hosts": objects("Addresses with their names.", map[string]schema.Attribute{
			"ip": requiredAs("IPv4 or IPv6 address.", iptypes.IPAddressType{}),
			"hostnames": schema.ListAttribute{
				MarkdownDescription: "Names of the address.",
				ElementType:         types.StringType,
				Required:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(hostname)},
			},
		}),
		"forwarders": objects("DNS servers that are asked for what this one does not know. Default: those of the host.", map[string]schema.Attribute{
			"address": schema.StringAttribute{
				MarkdownDescription: "IPv4 or IPv6 address of the server. Without it the host's own servers are asked for the names of the `domain`.",
				CustomType:          iptypes.IPAddressType{},
				Optional:            true,
				Validators:          []validator.String{stringvalidator.AtLeastOneOf(path.MatchRelative().AtParent().AtName("domain"))},
			},
			"domain": framework.OptionalString("Domain whose names the server is asked for. Default: all.", domainName),
		}),
	},
}

var dnsmasqOptionsAttribute = schema.ListAttribute{
	MarkdownDescription: "Raw options of dnsmasq, each as a line of its configuration, for what this resource has no attribute for. dnsmasq's complaint about a wrong one ends the apply, and the network stays as it was." + asOnHost,
	ElementType:         types.StringType,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(dnsmasqOption)},
}

var bootAttribute = objects("What guests of an architecture, or one guest, are told to boot, so that guests of several kinds share the network. "+
	"A rule for a guest's MAC address comes before that for its architecture, and this before `bootfile`.", map[string]schema.Attribute{
	"arch": schema.StringAttribute{
		MarkdownDescription: "Architecture that guests ask for, by DHCP option 93: " + "`" + strings.Join(dnsmasq.Architectures(), "`, `") + "`" + ". Or give `mac`.",
		Optional:            true,
		Validators: []validator.String{
			stringvalidator.OneOf(dnsmasq.Architectures()...),
			stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("mac")),
		},
	},
	"mac": schema.StringAttribute{
		MarkdownDescription: "MAC address of the one guest. Or give `arch`.",
		CustomType:          hwtypes.MACAddressType{},
		Optional:            true,
		Validators:          []validator.String{framework.MACAddress},
	},
	"bootfile": framework.OptionalString("File that the guests load.", stringvalidator.AtLeastOneOf(
		path.MatchRelative().AtParent().AtName("config_file"), path.MatchRelative().AtParent().AtName("path_prefix"))),
	"next_server": schema.StringAttribute{
		MarkdownDescription: "Address of the TFTP server that has it, with `bootfile`. Default: the host.",
		CustomType:          iptypes.IPv4AddressType{},
		Optional:            true,
		Validators:          []validator.String{stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("bootfile"))},
	},
	"config_file": framework.OptionalString("pxelinux configuration that the guests load (DHCP option 209). s390x firmware looks for it below `path_prefix`, or else below `pxelinux.cfg/`: give the `file_name` of a `netboot_pxelinux_config`."),
	"path_prefix": framework.OptionalString("What the names of pxelinux configurations begin with (DHCP option 210)."),
})

var generalLeaseTime = leaseTimeAttribute("How long leases last, of each range and reservation that does not say its own: such as `\"2h\"`, at least `\"2m\"`, or `\"infinite\"`. " +
	"Default: as it is on the host, which is libvirt's hour for what is new. What was set once is taken away with the attribute.")

func ownLeaseTime(what string) schema.StringAttribute {
	return leaseTimeAttribute(fmt.Sprintf("How long a lease of %s lasts, such as `\"2h\"`, at least `\"2m\"`, or `\"infinite\"`. Default: `lease_time` of `dhcp`, or else as it is on the host.", what))
}

func leaseTimeAttribute(description string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: description,
		Optional:            true,
		Computed:            true,
		Validators:          []validator.String{leaseTime},
	}
}

var routesAttribute = schema.ListNestedAttribute{
	MarkdownDescription: "Routes of the host's to other networks, by guests that forward to them." + asOnHost,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"to": schema.StringAttribute{
			MarkdownDescription: "The other network, such as `198.51.100.0/24`.",
			Required:            true,
			Validators:          []validator.String{networkPrefix},
		},
		"gateway": requiredAs("Address of the guest that forwards to it.", iptypes.IPAddressType{}),
		"metric": schema.Int64Attribute{
			MarkdownDescription: "Metric of the route. Default: libvirt's, which is `1`.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, math.MaxInt32)},
		},
	}},
}

var (
	byMAC = map[string]schema.Attribute{
		"mac": schema.StringAttribute{
			MarkdownDescription: "MAC address of the guest. Without it the guest is known by its `hostname`.",
			CustomType:          hwtypes.MACAddressType{},
			Optional:            true,
			Validators:          []validator.String{framework.MACAddress, stringvalidator.AtLeastOneOf(path.MatchRelative().AtParent().AtName("hostname"))},
		},
		"ip":         requiredAs("Address that the guest gets.", iptypes.IPv4AddressType{}),
		"hostname":   framework.OptionalString("Name of the guest, in DNS and by which it asks for its address where it has no `mac`.", hostname),
		"lease_time": ownLeaseTime("the address"),
	}
	byDUID = map[string]schema.Attribute{
		"duid": framework.OptionalString("DUID of the guest, such as `00:04:…`: libvirt knows IPv6 guests by no MAC address.", duid,
			stringvalidator.AtLeastOneOf(path.MatchRelative().AtParent().AtName("hostname"))),
		"ip":         requiredAs("Address that the guest gets.", iptypes.IPv6AddressType{}),
		"hostname":   framework.OptionalString("Name of the guest, in DNS and by which it asks for its address where it has no `duid`.", hostname),
		"lease_time": ownLeaseTime("the address"),
	}
)

func rangesAttribute(address basetypes.StringTypable) schema.ListNestedAttribute {
	return objects("Ranges of addresses for guests without a reservation.", map[string]schema.Attribute{
		"start":      requiredAs("First address of the range.", address),
		"end":        requiredAs("Last address of the range.", address),
		"lease_time": ownLeaseTime("an address in the range"),
	})
}

func reservationsAttribute(attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return objects("Fixed addresses of guests.", attributes)
}

// objects is a list of objects that is left out rather than empty.
func objects(what string, attributes map[string]schema.Attribute) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		MarkdownDescription: what,
		Optional:            true,
		Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes},
	}
}

func requiredAs(what string, form basetypes.StringTypable) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, CustomType: form, Required: true}
}
