package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-nettypes/cidrtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-nettypes/iptypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

func ipv4Attributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"address": schema.StringAttribute{
			MarkdownDescription: "The host's address with the length of the network's prefix, such as `192.168.150.1/24`.",
			CustomType:          cidrtypes.IPv4PrefixType{},
			Required:            true,
		},
		"dhcp": schema.SingleNestedAttribute{
			MarkdownDescription: "What DHCP offers.",
			Optional:            true,
			Attributes: map[string]schema.Attribute{
				"ranges": schema.ListNestedAttribute{
					MarkdownDescription: "Ranges of addresses for guests without a reservation.",
					Optional:            true,
					Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
					NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
						"start": ipv4Attribute("First address of the range."),
						"end":   ipv4Attribute("Last address of the range."),
					}},
				},
				"reservations": schema.ListNestedAttribute{
					MarkdownDescription: "Fixed addresses of guests.",
					Optional:            true,
					Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
					NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
						"mac": schema.StringAttribute{
							MarkdownDescription: "MAC address of the guest.",
							CustomType:          hwtypes.MACAddressType{},
							Required:            true,
						},
						"ip": ipv4Attribute("Address that the guest gets."),
						"hostname": schema.StringAttribute{
							MarkdownDescription: "Name of the guest in DNS.",
							Optional:            true,
							Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
						},
					}},
				},
				"bootfile": schema.StringAttribute{
					MarkdownDescription: "File that DHCP tells guests to boot. s390x guests need none: without it their firmware looks for a pxelinux configuration.",
					Optional:            true,
					Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
				},
				"next_server": schema.StringAttribute{
					MarkdownDescription: "TFTP server that DHCP names, with `bootfile`. Default: the host.",
					Optional:            true,
					Validators: []validator.String{
						stringvalidator.LengthAtLeast(1),
						stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("bootfile")),
					},
				},
				"lease_time": schema.StringAttribute{
					MarkdownDescription: "How long a lease lasts, such as `\"2h\"`, at least `\"2m\"`. Default: an hour.",
					Optional:            true,
					Validators:          []validator.String{leaseTime},
				},
			},
		},
	}
}

func ipv4Attribute(what string) schema.StringAttribute {
	return schema.StringAttribute{MarkdownDescription: what, CustomType: iptypes.IPv4AddressType{}, Required: true}
}
