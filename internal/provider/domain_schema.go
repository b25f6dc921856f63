package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-nettypes/hwtypes"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/hashicorp/terraform-plugin-framework/attr"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

const defaultBus = "virtio"

func domainSchema(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "A guest that boots from the network.\n\n" +
			"It is made for s390x: each device has its place in the boot order, the console is the firmware's. " +
			"On a host of the same architecture with KVM it runs with that, everywhere else by emulation.\n\n" +
			"A change is made to the definition that is there, and keeps of it what this resource does not model. A running guest is restarted for it, which the plan says. " +
			"Destroy forces the guest off; its volumes stay.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute("The domain's `name`."),
			"host": hostAttribute,
			"name": replacingString("Name of the domain.", objectName),
			"arch": schema.StringAttribute{
				MarkdownDescription: "Architecture of the guest. Default: `s390x`. A change replaces the domain.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(archS390X),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"machine": schema.StringAttribute{
				MarkdownDescription: "QEMU's machine type. Default: the host's newest for the architecture, `s390-ccw-virtio-…`, which the guest keeps.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"accelerator": schema.StringAttribute{
				MarkdownDescription: "`kvm`, `tcg` (emulation) or `auto`: KVM where the host has it for the architecture. Default: `auto`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("auto"),
				Validators:          []validator.String{stringvalidator.OneOf("auto", "kvm", "tcg")},
			},
			"cpu": schema.StringAttribute{
				MarkdownDescription: "CPU model, or `host-passthrough`, `host-model` or `max`. Default: libvirt's.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"vcpus": schema.Int64Attribute{
				MarkdownDescription: "Number of virtual CPUs. Default: 1.",
				Optional:            true,
				Computed:            true,
				Default:             int64default.StaticInt64(1),
				// S390_MAX_CPUS, QEMU hw/s390x/s390-virtio-ccw.c; the most that any architecture here takes
				Validators: []validator.Int64{int64validator.Between(1, 248)},
			},
			"memory": schema.StringAttribute{
				MarkdownDescription: "Memory of the guest. " + sizeDescription + " The firmware that netboots s390x guests needs at least 128 MiB, installers need some GiB.",
				CustomType:          sizeType{},
				Required:            true,
			},
			"memory_bytes": schema.Int64Attribute{
				MarkdownDescription: "`memory` in bytes.",
				Computed:            true,
			},
			"autostart": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest starts with the host. Default: `false`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(false),
			},
			"running": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest runs. Default: `true`.",
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
			},
			"boot": schema.ListAttribute{
				MarkdownDescription: "Classes of devices to boot from, in order: `network`, `disk`. Default: `[\"network\"]`. s390x firmware before QEMU 9.2 tries the first device only.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Default:             listdefault.StaticValue(types.ListValueMust(types.StringType, []attr.Value{types.StringValue(virt.BootNetwork)})),
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(stringvalidator.OneOf(virt.BootNetwork, virt.BootDisk)),
				},
			},
			"disks": schema.ListNestedAttribute{
				MarkdownDescription: "Disks, in order.",
				Optional:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
				NestedObject:        schema.NestedAttributeObject{Attributes: diskAttributes()},
			},
			"interfaces": schema.ListNestedAttribute{
				MarkdownDescription: "Network interfaces, in order.",
				Optional:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
				NestedObject:        schema.NestedAttributeObject{Attributes: interfaceAttributes()},
			},
			"pxelinux_config": schema.StringAttribute{
				MarkdownDescription: "The `id` of the `netboot_pxelinux_config` that the guest boots by. It orders the guest after its configuration, and lets the plan find out whether the guest would boot: whether its firmware asks for that file, its network serves it, and kernel and initrd fit.",
				Optional:            true,
			},
			"boot_check": schema.SingleNestedAttribute{
				MarkdownDescription: "What the console must show when the guest is started, watched from the firmware's first byte. The apply waits for it, and fails as soon as the boot has. A change is checked at the next start.",
				Optional:            true,
				Attributes:          bootCheckAttributes(),
			},
			"boot_result": schema.SingleNestedAttribute{
				MarkdownDescription: "What `boot_check` saw at the last start.",
				Computed:            true,
				Attributes:          bootResultAttributes(),
			},
			"install": schema.SingleNestedAttribute{
				MarkdownDescription: "Installs the guest: it boots from the network once, and from disk for good when the installer has ended. The apply waits for that. " +
					"The definition then boots from disk alone, and so does every start that is not the installation; `boot` may be left out, and `network` in it means that one boot. " +
					"A guest that is there already is not installed by adding this, but by a change of `reinstall`.",
				Optional:   true,
				Attributes: installAttributes(),
			},
			"reinstall": schema.StringAttribute{
				MarkdownDescription: "Any text. A change of it installs the guest again: it is shut down, and what is on its disks is for the installer to overwrite.",
				Optional:            true,
			},
			"installed": schema.BoolAttribute{
				MarkdownDescription: "Whether the installation has come to its end. Where it has not, the next apply goes on with it, or begins again. Null without `install`.",
				Computed:            true,
			},
			"uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the domain.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"addresses": schema.ListAttribute{
				MarkdownDescription: "Addresses that libvirt's DHCP leased to the guest.",
				ElementType:         types.StringType,
				Computed:            true,
			},
			"timeouts": timeoutsAttribute(ctx),
		},
	}
}

func diskAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"volume": schema.StringAttribute{
			MarkdownDescription: "The `id` of a volume, `<pool>/<name>`.",
			Required:            true,
		},
		"bus": schema.StringAttribute{
			MarkdownDescription: "`virtio` or `scsi`. Default: `virtio`.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(defaultBus),
			Validators:          []validator.String{stringvalidator.OneOf(defaultBus, "scsi")},
		},
		"serial": schema.StringAttribute{
			MarkdownDescription: "Serial number that the guest sees.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.LengthBetween(1, 20)},
		},
		"readonly": schema.BoolAttribute{
			MarkdownDescription: "Whether the guest can only read it. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
	}
}

func interfaceAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"network": schema.StringAttribute{
			MarkdownDescription: "Name of the libvirt network that it is on.",
			Optional:            true,
		},
		"bridge": schema.StringAttribute{
			MarkdownDescription: "Name of the host's bridge that it is on, instead of a network.",
			Optional:            true,
		},
		"mac": schema.StringAttribute{
			MarkdownDescription: "MAC address. Default: one that follows from the domain's name, known at plan and always the same.",
			CustomType:          hwtypes.MACAddressType{},
			Optional:            true,
			Computed:            true,
		},
	}
}

func installAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"until": schema.StringAttribute{
			MarkdownDescription: "What ends the installation: that the guest reboots by itself, `reboot`, or powers off, `shutdown`. Default: `reboot`. " +
				"The other one of them is an error, as is a crash or somebody who ends the guest. Under emulation only `shutdown` works with most installers.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(untilReboot),
			Validators: []validator.String{stringvalidator.OneOf(untilReboot, untilShutdown)},
		},
		"timeout": schema.StringAttribute{
			MarkdownDescription: "How long the installation may take, such as `\"30m\"`. Default: `\"1h\"`. The guest goes on when it is over.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("1h"),
			Validators:          []validator.String{duration},
		},
	}
}

func bootCheckAttributes() map[string]schema.Attribute {
	patterns := func(what string) schema.ListAttribute {
		return schema.ListAttribute{
			MarkdownDescription: what,
			ElementType:         types.StringType,
			Optional:            true,
			Validators:          []validator.List{listvalidator.ValueStringsAre(pattern)},
		}
	}
	expect := patterns("Patterns ([RE2](https://github.com/google/re2/wiki/Syntax)) that lines of the console must match, each, in any order.")
	expect.Required, expect.Optional = true, false
	expect.Validators = append(expect.Validators, listvalidator.SizeAtLeast(1))
	return map[string]schema.Attribute{
		"expect": expect,
		"forbid": patterns("Patterns that no line may match until then."),
		"timeout": schema.StringAttribute{
			MarkdownDescription: "How long to wait for it, such as `\"5m\"`. Default: `\"5m\"`. Emulation is many times slower than KVM.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("5m"),
			Validators:          []validator.String{duration},
		},
	}
}

func bootResultAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"stage": schema.StringAttribute{
			MarkdownDescription: "How far the boot came: `none`, `firmware`, `dhcp`, `config`, `kernel`, `initrd`, `started`, `linux` or `userspace`.",
			Computed:            true,
		},
		"stages": schema.MapAttribute{
			MarkdownDescription: "Seconds from the start until each stage that the console showed.",
			ElementType:         types.Float64Type,
			Computed:            true,
		},
		"config": schema.StringAttribute{
			MarkdownDescription: "The configuration that the firmware loaded, such as `pxelinux.cfg/default`. Null where the console does not say.",
			Computed:            true,
		},
		"matched": schema.ListAttribute{
			MarkdownDescription: "What matched each pattern of `expect`, in their order.",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"groups": schema.ListAttribute{
			MarkdownDescription: "What the groups of each pattern of `expect` matched: `groups[0][1]` is the second group of the first pattern. A pattern without groups has an empty list.",
			ElementType:         types.ListType{ElemType: types.StringType},
			Computed:            true,
		},
		"seconds": schema.Float64Attribute{
			MarkdownDescription: "Seconds from the start until the last pattern matched.",
			Computed:            true,
		},
		"console_tail": schema.StringAttribute{
			MarkdownDescription: "The last lines of the console until then, at most 40 of them and 4 KiB.",
			Computed:            true,
		},
	}
}
