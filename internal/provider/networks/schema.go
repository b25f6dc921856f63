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
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

// asOnHost ends the description of an attribute that is computed until it is set.
const asOnHost = " Default: the value that the network has on the host; a new network has none. If you set the attribute and later remove it, its value is removed from the network."

var forwardDevicesAttribute = schema.ListAttribute{
	MarkdownDescription: "Network devices of the host, such as `eth0` or `enc1000`. In the modes `bridge`, `private`, `vepa` and `passthrough`, guests are attached to them by macvtap. Each guest gets the device that the fewest guests use. The host itself cannot reach guests through macvtap. In the modes `nat` and `route`, the one device through which the host forwards packets of guests. Without it, the host forwards them through any device." + asOnHost,
	ElementType:         types.StringType,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(framework.Device)},
}

var physicalFunctionAttribute = schema.StringAttribute{
	MarkdownDescription: "Network device of the host whose virtual functions (SR-IOV) guests get: as PCI devices in mode `hostdev`, by macvtap in the other modes. Set it instead of `forward_devices`." + asOnHost,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.String{framework.Device},
}

var ipv4Attribute = schema.SingleNestedAttribute{
	MarkdownDescription: "The host's IPv4 address on the network, and DHCP.",
	Optional:            true,
	Attributes: map[string]schema.Attribute{
		"address": requiredAs("The host's address and the prefix length of the network, such as `192.168.150.1/24`.", cidrtypes.IPv4PrefixType{}),
		"dhcp": schema.SingleNestedAttribute{
			MarkdownDescription: "What DHCP offers.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"ranges":       rangesAttribute(iptypes.IPv4AddressType{}),
				"reservations": reservationsAttribute(byMAC),
				"bootfile":     framework.OptionalString("File that DHCP tells guests to boot, unless a rule in `boot` applies to them. s390x guests do not need it: without it, their firmware looks for a pxelinux configuration."),
				"next_server":  framework.OptionalString("Address of the TFTP server that has the `bootfile`. Default: the host.", ipv4Address, stringvalidator.AlsoRequires(framework.Sibling("bootfile"))),
				"boot":         bootAttribute,
				"lease_time":   generalLeaseTime,
			},
		},
	},
}

var ipv6Attribute = schema.SingleNestedAttribute{
	MarkdownDescription: "The host's IPv6 address on the network, and DHCPv6. s390x firmware boots only over IPv4." + asOnHost,
	Optional:            true,
	Computed:            true,
	Attributes: map[string]schema.Attribute{
		"address": requiredAs("The host's address and the prefix length of the network, such as `fd00:150::1/64`.", cidrtypes.IPv6PrefixType{}),
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
	MarkdownDescription: "What the network's DNS server answers in addition to the names of guests." + asOnHost,
	Optional:            true,
	Computed:            true,
	Attributes: map[string]schema.Attribute{
		"enabled": schema.BoolAttribute{
			MarkdownDescription: "Whether the network has a DNS server. Default: `true`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(true),
		},
		"hosts": objects("Addresses and their names.", map[string]schema.Attribute{
			"ip": requiredAs("IPv4 or IPv6 address.", iptypes.IPAddressType{}),
			"hostnames": schema.ListAttribute{
				MarkdownDescription: "Names of the address.",
				ElementType:         types.StringType,
				Required:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(hostname)},
			},
		}),
		"forwarders": objects("DNS servers to which this DNS server forwards the queries that it cannot answer. Default: the DNS servers of the host.", map[string]schema.Attribute{
			"address": schema.StringAttribute{
				MarkdownDescription: "IPv4 or IPv6 address of the server. Without it, queries for names of the `domain` go to the DNS servers of the host.",
				CustomType:          iptypes.IPAddressType{},
				Optional:            true,
				Validators:          []validator.String{stringvalidator.AtLeastOneOf(framework.Sibling("domain"))},
			},
			"domain": framework.OptionalString("Domain whose names the server is queried for. Default: all domains.", domainName),
		}),
	},
}

var dnsmasqOptionsAttribute = schema.ListAttribute{
	MarkdownDescription: "Raw options of dnsmasq for which this resource has no attribute. Each option is one line of dnsmasq's configuration file. If dnsmasq rejects an option, the apply fails with its message, and the network stays as it was." + asOnHost,
	ElementType:         types.StringType,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(dnsmasqOption)},
}

var bootAttribute = objects("What DHCP tells guests of an architecture, or a single guest, to boot, so that guests of several kinds can share the network. "+
	"A rule for a guest's MAC address takes precedence over the rule for its architecture. Both take precedence over `bootfile`.", map[string]schema.Attribute{
	"arch": schema.StringAttribute{
		MarkdownDescription: "Architecture of the guests, as they send it in DHCP option 93: " + "`" + strings.Join(dnsmasq.Architectures(), "`, `") + "`" + ". Set either this or `mac`. The guests of `x86_64-http` and `aarch64-http` are UEFI firmware that boots from a web server.",
		Optional:            true,
		Validators: []validator.String{
			stringvalidator.OneOf(dnsmasq.Architectures()...),
			stringvalidator.ExactlyOneOf(framework.Sibling("mac")),
		},
	},
	"mac": schema.StringAttribute{
		MarkdownDescription: "MAC address of the guest. Set either this or `arch`.",
		CustomType:          hwtypes.MACAddressType{},
		Optional:            true,
		Validators:          []validator.String{framework.MACAddress},
	},
	"bootfile": framework.OptionalString("File that the guests load, by its path below the TFTP root. For `x86_64-http` and `aarch64-http` it is a URL.", stringvalidator.AtLeastOneOf(
		framework.Sibling("config_file"), framework.Sibling("path_prefix"))),
	"next_server": schema.StringAttribute{
		MarkdownDescription: "Address of the TFTP server that has the `bootfile`. Default: the host.",
		CustomType:          iptypes.IPv4AddressType{},
		Optional:            true,
		Validators:          []validator.String{stringvalidator.AlsoRequires(framework.Sibling("bootfile"))},
	},
	"config_file": framework.OptionalString("pxelinux configuration that the guests load (DHCP option 209). s390x firmware looks for it below `path_prefix`, or below `pxelinux.cfg/` if there is no `path_prefix`. Set it to the `file_name` of a `netboot_pxelinux_config`."),
	"path_prefix": framework.OptionalString("Prefix of the names of pxelinux configurations (DHCP option 210)."),
})

var generalLeaseTime = leaseTimeAttribute("How long leases last for each range and reservation that has no `lease_time` of its own, such as `\"2h\"`. At least `\"2m\"`, or `\"infinite\"`. " +
	"Default: the value on the host; for a new range or reservation, libvirt's default of one hour. If you set the attribute and later remove it, its value is removed from the network.")

func ownLeaseTime(what string) schema.StringAttribute {
	return leaseTimeAttribute(fmt.Sprintf("How long a lease of %s lasts, such as `\"2h\"`. At least `\"2m\"`, or `\"infinite\"`. Default: `lease_time` of `dhcp`, or the value on the host.", what))
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
	MarkdownDescription: "Routes of the host to other networks, through guests that forward packets to them." + asOnHost,
	Optional:            true,
	Computed:            true,
	Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"to": schema.StringAttribute{
			MarkdownDescription: "The other network, such as `198.51.100.0/24`.",
			Required:            true,
			Validators:          []validator.String{networkPrefix},
		},
		"gateway": requiredAs("Address of the guest that forwards packets to the other network.", iptypes.IPAddressType{}),
		"metric": schema.Int64Attribute{
			MarkdownDescription: "Metric of the route. Default: libvirt's default, `1`.",
			Optional:            true,
			Validators:          []validator.Int64{int64validator.Between(1, math.MaxInt32)},
		},
	}},
}

var (
	byMAC = map[string]schema.Attribute{
		"mac": schema.StringAttribute{
			MarkdownDescription: "MAC address of the guest. Without it, the guest is identified by its `hostname`.",
			CustomType:          hwtypes.MACAddressType{},
			Optional:            true,
			Validators:          []validator.String{framework.MACAddress, stringvalidator.AtLeastOneOf(framework.Sibling("hostname"))},
		},
		"ip":         requiredAs("Address that the guest gets.", iptypes.IPv4AddressType{}),
		"hostname":   framework.OptionalString("Name of the guest in DNS. Without `mac`, the guest requests its address by this name.", hostname),
		"lease_time": ownLeaseTime("the address"),
	}
	byDUID = map[string]schema.Attribute{
		"duid": framework.OptionalString("DUID of the guest, such as `00:04:…`. libvirt does not identify IPv6 guests by their MAC addresses.", duid,
			stringvalidator.AtLeastOneOf(framework.Sibling("hostname"))),
		"ip":         requiredAs("Address that the guest gets.", iptypes.IPv6AddressType{}),
		"hostname":   framework.OptionalString("Name of the guest in DNS. Without `duid`, the guest requests its address by this name.", hostname),
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

// objects is a list of objects that is omitted rather than empty.
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
