package domains

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/listdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Values of launch_security.
const (
	secureNone      = "none"
	secureExecution = "s390-pv"
)

func domainSchema(ctx context.Context) schema.Schema {
	return schema.Schema{
		MarkdownDescription: "A guest that boots from the network.\n\n" +
			"It is made for s390x: each device has its place in the boot order, the console is the firmware's. " +
			"On a host of the same architecture with KVM it runs with that, everywhere else by emulation.\n\n" +
			"A change is made to the definition that is there, and keeps of it what this resource does not model. What libvirt can change in a running guest is changed there; for the rest the guest is restarted. The plan says which; see the guide on [guests that change](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/guests). " +
			"Destroy forces the guest off, unless `shutdown_timeout` gives it time to shut down; its volumes stay.",
		Attributes: map[string]schema.Attribute{
			"id":   framework.IDAttribute("The domain's `name`."),
			"host": framework.HostAttribute,
			"name": framework.ReplacingString("Name of the domain.", framework.ObjectName),
			"arch": schema.StringAttribute{
				MarkdownDescription: "Architecture of the guest. Default: `s390x`. A change replaces the domain.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(arch.S390X),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{framework.Arch},
			},
			"machine": schema.StringAttribute{
				MarkdownDescription: "QEMU's machine type. Default: the host's newest for the architecture, `s390-ccw-virtio-…`, which the guest keeps.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
				Validators:          []validator.String{framework.QEMUName},
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
				Validators:          []validator.String{framework.QEMUName},
			},
			"cpu_features": schema.MapAttribute{
				MarkdownDescription: "Features that the CPU has or lacks beside its model, each with libvirt's policy: `require`, `disable`, `optional`, `force` or `forbid`. It needs `cpu`. `{}` is none. Default: none, and what an imported guest has.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Validators: []validator.Map{
					mapvalidator.KeysAre(framework.QEMUName),
					mapvalidator.ValueStringsAre(stringvalidator.OneOf("require", "disable", "optional", "force", "forbid")),
				},
			},
			"cpu_topology": schema.SingleNestedAttribute{
				MarkdownDescription: "How the virtual CPUs are made up; together they are `max_vcpus`. Default: one socket for each.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"sockets": topologyAttribute("Sockets."),
					"cores":   topologyAttribute("Cores of a socket."),
					"threads": topologyAttribute("Threads of a core."),
				},
			},
			"vcpus": schema.Int64Attribute{
				MarkdownDescription: "Number of virtual CPUs. A running guest gets more up to `max_vcpus`; for fewer it is restarted. Default: 1.",
				Optional:            true,
				Computed:            true,
				Default:             int64default.StaticInt64(1),
				// S390_MAX_CPUS, QEMU hw/s390x/s390-virtio-ccw.c; the most that any architecture here takes
				Validators: []validator.Int64{int64validator.Between(1, 248)},
			},
			"max_vcpus": schema.Int64Attribute{
				MarkdownDescription: "How many virtual CPUs a running guest can get. Default: `vcpus`, and what an imported guest has.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.Between(1, 248)},
			},
			"memory": schema.StringAttribute{
				MarkdownDescription: "Memory of the guest. " + framework.SizeDescription + " The firmware that netboots s390x guests needs at least 128 MiB, installers need some GiB.",
				CustomType:          framework.SizeType{},
				Required:            true,
				Validators:          []validator.String{framework.GuestMemory},
			},
			"memory_bytes": schema.Int64Attribute{
				MarkdownDescription: "`memory` in bytes.",
				Computed:            true,
			},
			"max_memory": schema.StringAttribute{
				MarkdownDescription: "How much memory a running guest can get. With more than `memory`, a balloon in the guest takes the difference once its kernel runs, and a change of `memory` up to here is made while it runs. " +
					"Default: `memory`, and what an imported guest has; then a change of `memory` restarts the guest.",
				CustomType: framework.SizeType{},
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{framework.GuestMemory},
			},
			"max_memory_bytes": schema.Int64Attribute{
				MarkdownDescription: "`max_memory` in bytes.",
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
			"shutdown_timeout": schema.StringAttribute{
				MarkdownDescription: "How long the guest may take to shut down before it is forced off, such as `\"5m\"`. Default: one minute for a change, and no time for a destroy, which forces it off at once.",
				Optional:            true,
				Validators:          []validator.String{duration},
			},
			"boot": schema.ListAttribute{
				MarkdownDescription: "Classes of devices to boot from, in order: `network`, `disk`, `cdrom`. Default: `[\"network\"]`. s390x firmware before QEMU 9.2 tries the first device only, so `boot = false` in the others' `interfaces` and `disks` says which. An imported guest that boots from neither, such as a floppy drive, has `[]`.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Default:             listdefault.StaticValue(types.ListValueMust(types.StringType, []attr.Value{types.StringValue(virt.BootNetwork)})),
				Validators: []validator.List{
					listvalidator.UniqueValues(),
					listvalidator.ValueStringsAre(stringvalidator.OneOf(virt.BootNetwork, virt.BootDisk, virt.BootCDROM)),
				},
			},
			"loadparm": schema.StringAttribute{
				MarkdownDescription: "What the firmware of an s390x guest is told with the device that it boots from, such as the number of an entry of its menu. Up to 8 of `A`–`Z`, `0`–`9`, `.` and blanks.",
				Optional:            true,
				Validators:          []validator.String{loadparm},
			},
			"kernel": schema.SingleNestedAttribute{
				MarkdownDescription: fmt.Sprintf("A kernel that the guest boots directly, without its firmware and its limits, so that the command line may be longer than %d bytes. `boot` then says nothing.", pxelinux.MaxAppendSize),
				Optional:            true,
				Attributes:          directKernelAttributes(),
			},
			"disks": schema.ListNestedAttribute{
				MarkdownDescription: "Disks, in order. They come and go while the guest runs; what else changes of one restarts it.",
				Optional:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: devices.DiskAttributes()},
			},
			"interfaces": schema.ListNestedAttribute{
				MarkdownDescription: "Network interfaces, in order. They come and go while the guest runs, and are plugged elsewhere; what else changes of one restarts it.",
				Optional:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: devices.InterfaceAttributes()},
			},
			"consoles": schema.ListAttribute{
				MarkdownDescription: "Types of the guest's consoles: `sclp`, `sclplm` (both s390x), `virtio` or `serial` (not s390x). The first is the one that is watched and that `virsh console` opens. Default: `[\"sclp\"]` on s390x, `[\"serial\"]` elsewhere, and what an imported guest has.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(stringvalidator.OneOf(arch.ConsoleTypes()...)),
				},
			},
			"guest_agent": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has the channel that QEMU's guest agent (`qemu-guest-agent`) uses. Default: `false`, and what an imported guest has.",
				Optional:            true,
				Computed:            true,
			},
			"cdroms":      devices.CDROMsAttribute(),
			"hostdevs":    devices.HostdevsAttribute(),
			"filesystems": devices.FilesystemsAttribute(),
			"memory_backing": schema.SingleNestedAttribute{
				MarkdownDescription: "Where the host takes the guest's memory from. `{}` is libvirt's own way. Default: that, and what an imported guest has.",
				Optional:            true,
				Computed:            true,
				Attributes:          memoryBackingAttributes(),
			},
			"iothreads": schema.Int64Attribute{
				MarkdownDescription: "Number of I/O threads, which serve disks beside the virtual CPUs. Default: 0, and what an imported guest has.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 1000)},
			},
			"rng": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has a random number generator, which takes its numbers from the host's `/dev/urandom`. Default: `false`, and what an imported guest has.",
				Optional:            true,
				Computed:            true,
			},
			"memory_balloon": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has a memory balloon, which gives and takes memory up to `max_memory`. Default: `true`, what an imported guest has, and `false` with `launch_security`.",
				Optional:            true,
				Computed:            true,
			},
			"launch_security": schema.StringAttribute{
				MarkdownDescription: "`s390-pv` makes an s390x guest one of IBM Secure Execution, whose memory the host cannot read; `none` does not. " +
					"The host needs `prot_virt=1` in its kernel's command line (the data source `netboot_host` tells). The guest boots an encrypted image from disk, or directly by `kernel`; it cannot boot from the network. Its kernel needs room for what it shares with the host: `swiotlb=262144`. Default: `none`, and what an imported guest has.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{stringvalidator.OneOf(secureNone, secureExecution)},
			},
			"devices_xml": devices.NamedAttribute(),
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
				MarkdownDescription: "UUID of the domain, which imports it too.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"addresses_from": schema.StringAttribute{
				MarkdownDescription: "Who is asked for `addresses`: `lease` (libvirt's DHCP), `agent` (the guest agent, which also knows addresses of a bridge's DHCP) or `arp` (the host's table of neighbours). Default: `lease`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(string(virt.FromLeases)),
				Validators:          []validator.String{stringvalidator.OneOf(string(virt.FromLeases), string(virt.FromAgent), string(virt.FromARP))},
			},
			"addresses": schema.ListAttribute{
				MarkdownDescription: "Addresses of the guest, as `addresses_from` knows them.",
				ElementType:         types.StringType,
				Computed:            true,
			},
			"timeouts": framework.TimeoutsAttribute(ctx),
		},
	}
}

func memoryBackingAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"huge_pages": schema.StringAttribute{
			MarkdownDescription: "Size of huge pages that the host has set aside: `1MiB` on s390x, `2MiB` or `1GiB` on x86_64, or `default` for the host's own. Default: none.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf(virt.HugePages()...)},
		},
		"source": schema.StringAttribute{
			MarkdownDescription: "`memfd`, `file` or `anonymous`. Default: libvirt's.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("memfd", "file", "anonymous")},
		},
		"shared": schema.BoolAttribute{
			MarkdownDescription: "Whether other processes of the host may map it, as `filesystems` with `virtiofs` need it. Default: `false`.",
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
		},
	}
}

func topologyAttribute(what string) schema.Int64Attribute {
	return schema.Int64Attribute{
		MarkdownDescription: what + " Default: 1.",
		Optional:            true,
		Computed:            true,
		Default:             int64default.StaticInt64(1),
		Validators:          []validator.Int64{int64validator.AtLeast(1)},
	}
}

func directKernelAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"image": schema.StringAttribute{
			MarkdownDescription: "The `id` of a `netboot_image`. A kernel is one of `image` and `file`.",
			Optional:            true,
		},
		"file": schema.StringAttribute{
			MarkdownDescription: "Path of a kernel on the host that is no `netboot_image`.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath},
		},
		"initrd_file": schema.StringAttribute{
			MarkdownDescription: "Path of the initrd that belongs to `file`.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath, stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("file"))},
		},
		"cmdline": schema.StringAttribute{
			MarkdownDescription: "Command line of the kernel. A line's end in it is a blank to the kernel.",
			Optional:            true,
			Validators:          []validator.String{kernelCommandLine},
		},
		"path":        framework.ComputedString("Path of the kernel on the host."),
		"initrd_path": framework.ComputedString("Path of the initrd on the host, where there is one."),
	}
}

func installAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"until": schema.StringAttribute{
			MarkdownDescription: "What ends the installation: that the guest reboots by itself, `reboot`, or powers off, `shutdown`. Default: `reboot`. " +
				"The other one of them is an error, as is a crash or somebody who ends the guest. Under emulation only `shutdown` works with most installers.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(netboot.UntilReboot),
			Validators: []validator.String{stringvalidator.OneOf(netboot.UntilReboot, netboot.UntilShutdown)},
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
