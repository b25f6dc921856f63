package grubconfigs

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
)

func (r *grubConfigResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A file below `grub/` that tells guests with UEFI what to boot.\n\n" +
			"GRUB loads the file for the MAC address of the guest. If there is none, it loads the file for all guests of the architecture. " +
			"The signed GRUB of Debian and Ubuntu finds these files by a file that `grub_prefixes` of `netboot_tftp_root` publishes. The GRUB of other distributions also finds the file for a MAC address by itself.\n\n" +
			"With `entries`, GRUB boots the default at once, without a menu. A guest whose kernel or initrd cannot be loaded shows a message, and restarts after 30 seconds. " +
			"What GRUB would change, cut off or not load is an error in the plan.",
		Attributes: map[string]schema.Attribute{
			"host":      framework.HostAttribute,
			"id":        framework.IDAttribute("`<tftp_root>/<file_name>`."),
			"tftp_root": framework.RootReference(),
			"arch": schema.StringAttribute{
				MarkdownDescription: "Architecture of the guests that the file is for: `x86_64` or `aarch64`. Default: `x86_64`. If `mac` is not set, a change replaces the resource.",
				Optional:            true,
				Computed:            true,
				Default:             stringdefault.StaticString(grub.Archs[0]),
				Validators:          []validator.String{stringvalidator.OneOf(grub.Archs...)},
			},
			"mac": schema.StringAttribute{
				MarkdownDescription: "MAC address of the guest that the file is for. Default: the file is for all guests of the architecture. A change that results in another file name replaces the resource.",
				Optional:            true,
			},
			"default": schema.StringAttribute{
				MarkdownDescription: "Label of the entry to boot. Default: the first entry.",
				Optional:            true,
				Computed:            true,
			},
			"entries": schema.ListNestedAttribute{
				MarkdownDescription: "Entries that can be booted. With `content`, the entries that it contains, as far as they are written in the usual way.",
				Optional:            true,
				Computed:            true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1)},
				NestedObject:        schema.NestedAttributeObject{Attributes: entryAttributes()},
			},
			"content": schema.StringAttribute{
				MarkdownDescription: "Text of the file, in the language of GRUB. Set it instead of `entries` if you already have the text. Only what certainly boots nothing is an error. " +
					"A file that another program or user wrote is imported as `content`.",
				Optional: true,
				Computed: true,
			},
			"file_name": framework.ComputedString("Name of the file, such as `grub.cfg-01-52-54-00-12-34-56`, `grub.cfg-x86_64` or, for `aarch64`, `grub.cfg-arm64`."),
			"path":      framework.ComputedString("Path of the file relative to the TFTP root."),
			"sha256":    framework.ComputedString("SHA-256 of the file on the host, in hexadecimal digits."),
			"timeouts":  framework.TimeoutsAttribute(ctx),
		},
	}
}

func entryAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"label": schema.StringAttribute{
			MarkdownDescription: "Name of the entry.",
			Required:            true,
		},
		"kernel": schema.StringAttribute{
			MarkdownDescription: "Path of the kernel, relative to the TFTP root: a `netboot_image`'s `kernel.path`. It can also begin with a device of GRUB, such as `(http,192.168.150.1)/kernel`.",
			Required:            true,
		},
		"initrd": schema.StringAttribute{
			MarkdownDescription: "Path of the initrd, relative to the TFTP root: a `netboot_image`'s `initrd.path`. It can be several paths, separated by commas. Default: no initrd.",
			Optional:            true,
		},
		"append": schema.ListAttribute{
			MarkdownDescription: fmt.Sprintf("Arguments of the kernel. The whole command line has at most %d bytes, with `BOOT_IMAGE=` and the path of the kernel, which GRUB adds. "+
				"Quotes can be around a whole argument or a whole value, as in `name=\"two words\"`. Other quotes and backslashes are an error, because GRUB changes them. "+
				"Anyone on the network can read the arguments.", grub.MaxCommandLine),
			ElementType: types.StringType,
			Optional:    true,
		},
	}
}
