package domains

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
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
			"The resource is made for s390x: each device has its own place in the boot order, and the console is the one that the firmware writes to. " +
			"On a host of the same architecture with KVM, the guest runs with KVM. On other hosts it runs by emulation.\n\n" +
			"A change edits the existing definition, and keeps the elements that have no attribute here. If libvirt can make the change in a running guest, the guest keeps running; otherwise the guest is restarted. The plan says which; see the guide on [guests that change](https://registry.terraform.io/providers/s390x-netboot/netboot/latest/docs/guides/guests). " +
			"A destroy forces the guest off at once, unless `shutdown_timeout` gives it time to shut down. Its volumes stay.",
		Attributes: map[string]schema.Attribute{
			"id":   framework.IDAttribute("The domain's `name`."),
			"host": framework.HostAttribute,
			"name": framework.ReplacingString("Name of the domain.", framework.ObjectName),
			"arch": schema.StringAttribute{
				MarkdownDescription: "Architecture of the guest. Default: `s390x`. A change replaces the resource.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(arch.S390X),
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{framework.Arch},
			},
			"machine": schema.StringAttribute{
				MarkdownDescription: "QEMU machine type. Default: the newest type on the host for the architecture, such as `s390-ccw-virtio-10.0`, at the time of the create. A PC with UEFI is a `q35`, an arm64 guest a `virt`. The guest keeps this type.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
				Validators:          []validator.String{framework.QEMUName},
			},
			"firmware": schema.StringAttribute{
				MarkdownDescription: "Firmware of a PC or an arm64 guest: `bios` (SeaBIOS; only PCs), `uefi` (EDK II without secure boot) or `uefi-secure` (EDK II with secure boot, which knows the keys of Microsoft and of the distributions). libvirt makes a file for the settings of UEFI with the domain, and this resource removes the file with the domain. " +
					"Default: `bios` for x86_64 and `uefi` for aarch64; an imported guest keeps what it has. s390x and ppc64le guests have a firmware of their own, and no `firmware`. A change replaces the domain, and keeps its volumes.",
				Optional:      true,
				Computed:      true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplaceIfConfigured()},
				Validators:    []validator.String{stringvalidator.OneOf(virt.FirmwareBIOS, virt.FirmwareUEFI, virt.FirmwareSecure)},
			},
			"accelerator": schema.StringAttribute{
				MarkdownDescription: "`kvm`, `tcg` (emulation) or `auto`: KVM if the host has it for the architecture, otherwise emulation. Default: `auto`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString("auto"),
				Validators:          []validator.String{stringvalidator.OneOf("auto", "kvm", "tcg")},
			},
			"cpu": schema.StringAttribute{
				MarkdownDescription: "CPU model, or `host-passthrough`, `host-model` or `max`. Default: libvirt's default; for aarch64, `max` under emulation and `host-passthrough` with KVM.",
				Optional:            true,
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
				Validators:          []validator.String{framework.QEMUName},
			},
			"cpu_features": schema.MapAttribute{
				MarkdownDescription: "CPU features that differ from the CPU model, each with a policy of libvirt: `require`, `disable`, `optional`, `force` or `forbid`. Requires `cpu`. `{}` means no features. Default: none; an imported guest keeps what it has.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Validators: []validator.Map{
					mapvalidator.KeysAre(framework.QEMUName),
					mapvalidator.ValueStringsAre(stringvalidator.OneOf("require", "disable", "optional", "force", "forbid")),
				},
			},
			"cpu_topology": schema.SingleNestedAttribute{
				MarkdownDescription: "Topology of the virtual CPUs. The product of the three numbers must be `max_vcpus`. Default: one socket for each virtual CPU.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"sockets": topologyAttribute("Number of sockets."),
					"cores":   topologyAttribute("Number of cores in a socket."),
					"threads": topologyAttribute("Number of threads in a core."),
				},
			},
			"vcpus": schema.Int64Attribute{
				MarkdownDescription: "Number of virtual CPUs. A running guest can get more, up to `max_vcpus`. A smaller number restarts it. Default: 1.",
				Optional:            true,
				Computed:            true,
				Default:             int64default.StaticInt64(1),
				// S390_MAX_CPUS, QEMU hw/s390x/s390-virtio-ccw.c; the maximum of all architectures here
				Validators: []validator.Int64{int64validator.Between(1, 248)},
			},
			"max_vcpus": schema.Int64Attribute{
				MarkdownDescription: "Maximum number of virtual CPUs that a running guest can get. Default: `vcpus`, or 2 for a new s390x guest with one virtual CPU that QEMU emulates, because its network can otherwise stop. An imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.Between(1, 248)},
			},
			"memory": schema.StringAttribute{
				MarkdownDescription: "Memory of the guest. " + framework.SizeDescription + " The firmware that boots s390x guests from the network needs at least 128 MiB. Installers need some GiB.",
				CustomType:          framework.SizeType{},
				Required:            true,
				Validators:          []validator.String{framework.GuestMemory},
			},
			"memory_bytes": schema.Int64Attribute{
				MarkdownDescription: "`memory` in bytes.",
				Computed:            true,
			},
			"max_memory": schema.StringAttribute{
				MarkdownDescription: "Maximum memory that a running guest can get. If it is more than `memory`, the guest starts with the maximum, and a balloon in the guest takes the difference after the kernel starts. `memory` can then change up to this maximum while the guest runs. " +
					"Default: `memory`, so that a change of `memory` restarts the guest; an imported guest keeps what it has.",
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
				MarkdownDescription: "Whether the guest starts when the host starts. Default: `false`.",
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
				MarkdownDescription: "How long the guest may take to shut down before it is forced off, such as `\"5m\"`. Default: one minute for a change; a destroy forces the guest off at once.",
				Optional:            true,
				Validators:          []validator.String{duration},
			},
			"boot": schema.ListAttribute{
				MarkdownDescription: "Classes of devices to boot from, in order: `network`, `disk`, `cdrom`. Default: `[\"network\"]`. s390x firmware before QEMU 9.2 tries only the first device. To choose that device, set `boot = false` on the other elements of `interfaces` and `disks`. An imported guest that boots from another class of device, such as a floppy drive, has `[]`.",
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
				MarkdownDescription: "Load parameter of the boot device of an s390x guest, such as the number of an entry in the boot menu. The firmware reads it. Up to 8 characters: `A`–`Z`, `0`–`9`, `.` and spaces.",
				Optional:            true,
				Validators:          []validator.String{loadparm},
			},
			"kernel": schema.SingleNestedAttribute{
				MarkdownDescription: fmt.Sprintf("Kernel that the guest boots directly, without its firmware. The limit of %d bytes that the firmware has for the command line then does not apply, and `boot` has no effect.", pxelinux.MaxAppendSize),
				Optional:            true,
				Attributes:          directKernelAttributes(),
			},
			"disks": schema.ListNestedAttribute{
				MarkdownDescription: "Disks, in order. Disks can be added and removed while the guest runs. Any other change of a disk restarts the guest.",
				Optional:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: devices.DiskAttributes()},
			},
			"interfaces": schema.ListNestedAttribute{
				MarkdownDescription: "Network interfaces, in order. While the guest runs, interfaces can be added and removed, and their `network`, `bridge`, `mac` and `link` can change. Any other change of an interface restarts the guest.",
				Optional:            true,
				NestedObject:        schema.NestedAttributeObject{Attributes: devices.InterfaceAttributes()},
			},
			"consoles": schema.ListAttribute{
				MarkdownDescription: "Types of the guest's consoles: `sclp`, `sclplm` (both s390x), `virtio` or `serial` (not s390x). The provider watches the first console, and `virsh console` opens it. Default: `[\"sclp\"]` on s390x, `[\"serial\"]` on other architectures; an imported guest keeps what it has.",
				ElementType:         types.StringType,
				Optional:            true,
				Computed:            true,
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(stringvalidator.OneOf(arch.ConsoleTypes()...)),
				},
			},
			"guest_agent": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has the channel for the QEMU guest agent (`qemu-guest-agent`). Default: `false`; an imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
			},
			"cdroms":      devices.CDROMsAttribute(),
			"hostdevs":    devices.HostdevsAttribute(),
			"filesystems": devices.FilesystemsAttribute(),
			"memory_backing": schema.SingleNestedAttribute{
				MarkdownDescription: "How the host provides the guest's memory. `{}` means libvirt's default. Default: `{}`; an imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
				Attributes:          memoryBackingAttributes(),
			},
			"iothreads": schema.Int64Attribute{
				MarkdownDescription: "Number of I/O threads, which process the I/O of disks separately from the virtual CPUs. Default: 0; an imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.Int64{int64validator.Between(0, 1000)},
			},
			"rng": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has a random number generator, which reads from `/dev/urandom` on the host. Default: `true` with UEFI, which does not boot from the network without it since EDK II 2024.05, otherwise `false`; an imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
			},
			"memory_balloon": schema.BoolAttribute{
				MarkdownDescription: "Whether the guest has a memory balloon, which changes the memory of the running guest, up to `max_memory`. Default: `true`, or `false` with `launch_security`; an imported guest keeps what it has.",
				Optional:            true,
				Computed:            true,
			},
			"launch_security": schema.StringAttribute{
				MarkdownDescription: "`s390-pv` runs an s390x guest under IBM Secure Execution: the host cannot read its memory. `none` runs it without. " +
					"The host needs `prot_virt=1` on its kernel command line (the data source `netboot_host` shows this). The guest boots an encrypted image from disk, or directly with `kernel`. It cannot boot from the network. Its kernel needs memory that it shares with the host: add `swiotlb=262144` to the guest's kernel command line. Default: `none`; an imported guest keeps what it has.",
				Optional:   true,
				Computed:   true,
				Validators: []validator.String{stringvalidator.OneOf(secureNone, secureExecution)},
			},
			"devices_xml": devices.NamedAttribute(),
			"pxelinux_config": schema.StringAttribute{
				MarkdownDescription: "The `id` of the `netboot_pxelinux_config` that the guest boots with. The guest is then created after this configuration, and the plan checks whether the guest would boot: whether its firmware requests that file, whether its network serves the file, and whether kernel and initrd fit into its memory.",
				Optional:            true,
			},
			"grub_config": schema.StringAttribute{
				MarkdownDescription: "The `id` of the `netboot_grub_config` that a guest with UEFI boots with. The guest is then created after this configuration, and the plan checks whether the guest would boot: whether the file is for this guest, and whether its network names a boot loader and serves the file.",
				Optional:            true,
			},
			"boot_check": schema.SingleNestedAttribute{
				MarkdownDescription: "What the console must show when the guest starts. The provider watches the console from the first byte of the firmware. The apply waits until the check passes, and fails as soon as the boot fails. A change of the check applies to the next start.",
				Optional:            true,
				Attributes:          bootCheckAttributes(),
			},
			"boot_result": schema.SingleNestedAttribute{
				MarkdownDescription: "Result of `boot_check` at the last start.",
				Computed:            true,
				Attributes:          bootResultAttributes(),
			},
			"wait_for": schema.SingleNestedAttribute{
				MarkdownDescription: "What the apply waits for after the start of the guest. Everything is waited for at the same time, together with `boot_check`. The apply fails as soon as something can no longer come: after its timeout, or when the firmware gives up, Linux panics or the guest ends. A change applies to the next start. " +
					"After a failure, the next apply boots the guest again.",
				Optional:   true,
				Attributes: waitForAttributes(),
			},
			"install": schema.SingleNestedAttribute{
				MarkdownDescription: "Installs the guest: it boots the installer from the network once, and then always boots from disk. The apply waits until the installer has ended. " +
					"The definition of the guest boots only from disk. `boot` can be left out. If it is set, it must contain `disk`; `network` in it means only the boot of the installer. " +
					"To install a guest that already exists, change `reinstall`; adding `install` does not install it.",
				Optional:   true,
				Attributes: installAttributes(),
			},
			"reinstall": schema.StringAttribute{
				MarkdownDescription: "Any text. A change installs the guest again: the guest is shut down, and the installer can overwrite its disks.",
				Optional:            true,
			},
			"installed": schema.BoolAttribute{
				MarkdownDescription: "Whether the installation is complete. If it is not, the next apply continues it or starts it again. Null without `install`.",
				Computed:            true,
			},
			"install_result": schema.SingleNestedAttribute{
				MarkdownDescription: "What the console showed during the last installation. `matched` and `groups` belong to `install.expect`, and the seconds count from the start of the installer. Null without `install`.",
				Computed:            true,
				Attributes:          bootResultAttributes(),
			},
			"uuid": schema.StringAttribute{
				MarkdownDescription: "UUID of the domain. It can also be used as the import ID.",
				Computed:            true,
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"addresses_from": schema.StringAttribute{
				MarkdownDescription: "Source of `addresses`: `lease` (libvirt's DHCP server), `agent` (the guest agent, which also knows addresses from a DHCP server on a bridge) or `arp` (the host's neighbour table). Default: `lease`.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(string(virt.FromLeases)),
				Validators:          []validator.String{stringvalidator.OneOf(string(virt.FromLeases), string(virt.FromAgent), string(virt.FromARP))},
			},
			"addresses": schema.ListAttribute{
				MarkdownDescription: "IP addresses of the guest, from the source in `addresses_from`.",
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
			MarkdownDescription: "Size of the huge pages, which the host must have reserved: `1MiB` on s390x, `2MiB` or `1GiB` on x86_64, or `default` for the host's default size. Default: no huge pages.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf(virt.HugePages()...)},
		},
		"source": schema.StringAttribute{
			MarkdownDescription: "`memfd`, `file` or `anonymous`. Default: libvirt's default.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.OneOf("memfd", "file", "anonymous")},
		},
		"shared": schema.BoolAttribute{
			MarkdownDescription: "Whether other processes on the host can map the memory. `filesystems` with `virtiofs` need this. Default: `false`.",
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
			MarkdownDescription: "The `id` of a `netboot_image`. Set either `image` or `file`.",
			Optional:            true,
		},
		"file": schema.StringAttribute{
			MarkdownDescription: "Path of a kernel on the host that is not part of a `netboot_image`.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath},
		},
		"initrd_file": schema.StringAttribute{
			MarkdownDescription: "Path of the initrd that belongs to `file`.",
			Optional:            true,
			Validators:          []validator.String{framework.HostPath, stringvalidator.AlsoRequires(framework.Sibling("file"))},
		},
		"cmdline": schema.StringAttribute{
			MarkdownDescription: "Command line of the kernel. The kernel treats a line break in it as a space.",
			Optional:            true,
			Validators:          []validator.String{kernelCommandLine},
		},
		"path":        framework.ComputedString("Path of the kernel on the host."),
		"initrd_path": framework.ComputedString("Path of the initrd on the host, if there is one."),
	}
}

func installAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"until": schema.StringAttribute{
			MarkdownDescription: "What ends the installation: `reboot` (the guest reboots itself), `shutdown` (the guest powers itself off) or `either`. Default: `reboot`. " +
				"The installation fails if the guest ends in any other way: if it does the other of the two, if it crashes, or if another user or program stops it. Under emulation, only `shutdown` works with most installers.",
			Optional:   true,
			Computed:   true,
			Default:    stringdefault.StaticString(netboot.UntilReboot),
			Validators: []validator.String{stringvalidator.OneOf(netboot.UntilReboot, netboot.UntilShutdown, netboot.UntilEither)},
		},
		"timeout": schema.StringAttribute{
			MarkdownDescription: "How long the installation may take, such as `\"30m\"`. Default: `\"1h\"`. After that time the apply fails, and the guest keeps running. If `timeouts` does not set `create` or `update`, their default is 30 minutes plus this time; if it does, set them to more than this time.",
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString("1h"),
			Validators:          []validator.String{duration},
		},
		"expect": patterns("Patterns ([RE2](https://github.com/google/re2/wiki/Syntax)) that the console of the installer must show, in any order, before the installer ends. Otherwise the apply fails: many installers end in the same way after a success and after an error."),
		"forbid": patterns("Patterns that no line of the installer's console may match. If a line matches, the apply fails at once, and shows the line. Use it for messages of an installer that failed, and for questions that have no answer. The guest keeps running; the next apply stops it, and installs it again."),
	}
}

// patterns is a list of patterns for lines of a console.
func patterns(what string) schema.ListAttribute {
	return schema.ListAttribute{
		MarkdownDescription: what,
		ElementType:         types.StringType,
		Optional:            true,
		Validators:          []validator.List{listvalidator.ValueStringsAre(pattern)},
	}
}

func bootCheckAttributes() map[string]schema.Attribute {
	expect := patterns("Patterns ([RE2](https://github.com/google/re2/wiki/Syntax)) that the console must show. The check passes when each pattern has matched a line, in any order. " +
		"If the `pxelinux_config` has `reader = \"s390-tools\"`, the check begins with the script of the boot loader, and does not see the start of its kernel.")
	expect.Required, expect.Optional = true, false
	expect.Validators = append(expect.Validators, listvalidator.SizeAtLeast(1))
	return map[string]schema.Attribute{
		"expect": expect,
		"forbid": patterns("Patterns that no line may match before all patterns of `expect` have matched. If a line matches, the apply fails at once."),
		"timeout": schema.StringAttribute{
			MarkdownDescription: "How long to wait for the check to pass, such as `\"5m\"`. Default: `\"5m\"`. Emulation is many times slower than KVM.",
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
			MarkdownDescription: "The last stage that the boot reached: `none`, `firmware`, `dhcp`, `config`, `kernel`, `initrd`, `started`, `linux` or `userspace`.",
			Computed:            true,
		},
		"stages": schema.MapAttribute{
			MarkdownDescription: "Seconds from the start to each stage that the console showed.",
			ElementType:         types.Float64Type,
			Computed:            true,
		},
		"config": schema.StringAttribute{
			MarkdownDescription: "Configuration file that the firmware loaded, such as `pxelinux.cfg/default`. Null if the console does not show it.",
			Computed:            true,
		},
		"matched": schema.ListAttribute{
			MarkdownDescription: "Text that each pattern of `expect` matched, in the order of `expect`.",
			ElementType:         types.StringType,
			Computed:            true,
		},
		"groups": schema.ListAttribute{
			MarkdownDescription: "Text that the capture groups of each pattern of `expect` matched: `groups[0][1]` is the second capture group of the first pattern. A pattern without capture groups has an empty list.",
			ElementType:         types.ListType{ElemType: types.StringType},
			Computed:            true,
		},
		"seconds": schema.Float64Attribute{
			MarkdownDescription: "Seconds from the start to the match of the last pattern.",
			Computed:            true,
		},
		"console_tail": schema.StringAttribute{
			MarkdownDescription: "The last lines of the console up to the match of the last pattern, at most 40 lines and 4 KiB.",
			Computed:            true,
		},
	}
}
