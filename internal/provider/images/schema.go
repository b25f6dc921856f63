package images

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

var imageArchAttribute = schema.StringAttribute{
	MarkdownDescription: "Architecture that the kernel is for: `s390x`, `x86_64` (a bzImage), `aarch64` (an Image) or `ppc64le` (an ELF file). Others than s390x are for guests that boot it directly, by `kernel` of a `netboot_domain`. Default: `s390x`. A change replaces the image.",
	Optional:            true,
	Computed:            true,
	Default:             stringdefault.StaticString(arch.S390X),
	Validators:          []validator.String{stringvalidator.OneOf(image.Architectures...)},
	PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
}

var kernelAttribute = func() schema.SingleNestedAttribute {
	attributes := sourceAttributes("kernel")
	attributes["cmdline"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Command line that is written into the published kernel itself, for one that is longer than the %d bytes which `append` of a pxelinux entry can have: ", pxelinux.MaxAppendSize) +
			"up to what the kernel takes, which usually is 4095 bytes. An entry that boots this kernel needs no `append`; what it has is not used. " +
			"Then `checksum` is that of the source, but `path`, `sha256` and `size_bytes` are those of the published kernel. " +
			"Linux panics when more than some 30 words have a name that it does not know, unless there is a dot in it. Anyone on the network can read the command line.",
		Optional:   true,
		Validators: []validator.String{commandLine},
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The kernel, as the firmware loads it: a raw s390x image, unless `arch` says otherwise. What is not one (an HTML page, an ELF or compressed file, another architecture's kernel) is refused. With `ins` it is what the manifest names.",
		Optional:            true,
		Computed:            true,
		Attributes:          attributes,
	}
}()

var initrdAttribute = func() schema.SingleNestedAttribute {
	attributes := sourceAttributes("initrd")
	attributes["inject"] = injectAttribute
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The initial RAM disk. An entry for a kernel that needs none gets an empty one. With `ins` it is what the manifest names.",
		Optional:            true,
		Computed:            true,
		Attributes:          attributes,
	}
}()

var injectAttribute = schema.MapNestedAttribute{
	MarkdownDescription: "Files that are put into the initrd, by their absolute paths in it, such as `/preseed.cfg`: an archive with them follows the initrd, whatever that is packed with. They replace what is there. " +
		"Then `checksum` is that of the source, but `path`, `sha256` and `size_bytes` are those of the published initrd. Anyone on the network can read them.",
	Optional:   true,
	Validators: []validator.Map{mapvalidator.SizeAtLeast(1)},
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"content": schema.StringAttribute{
			MarkdownDescription: "Content of the file, as text. Or give `source`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.ExactlyOneOf(path.MatchRelative().AtParent().AtName("source"))},
		},
		"source": framework.OptionalString("File to take the content from: a path on the machine that runs Terraform. A change of its content is found by the next plan."),
		"mode": schema.StringAttribute{
			MarkdownDescription: "Mode of the file in octal digits. Default: `0644`.",
			Optional:            true,
			Validators:          []validator.String{framework.OctalMode},
		},
	}},
}

var insAttribute = schema.SingleNestedAttribute{
	MarkdownDescription: "In place of `kernel` and `initrd`: an `.ins` manifest, as installation media have it for an LPAR. Its paths are taken to be relative to the manifest, and only the files that it names matter, not whether firmware could read it. " +
		"It is read once; after that `kernel` and `initrd` are what it named, until `ins` changes.",
	Optional: true,
	Attributes: map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Where the manifest comes from: an `http` or `https` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"iso_path": framework.OptionalString("Path of the manifest in the ISO image that `source` is."),
		"checksum": framework.OptionalString("`file:` and the URL or path of a list of checksums, for the kernel and the initrd.", checksumList),
	},
}

// sourceAttributes are those that a kernel and an initrd have.
func sourceAttributes(kind string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Where the " + kind + " comes from: an `http` or `https` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"iso_path": framework.OptionalString("Path of the " + kind + " in the ISO image that `source` is. Of an image on a web server only the parts that are needed are fetched, where that server can give them."),
		"checksum": schema.StringAttribute{
			MarkdownDescription: "`sha256:…` or `sha512:…` of the " + kind + " itself, or `file:` and the URL or path of a list that has it: `SHA256SUMS`, `CHECKSUMS`, `.treeinfo`. " +
				"What does not match is not published. With a `sha256:` a file that is on the host already is not fetched.",
			Optional:   true,
			Validators: []validator.String{framework.Checksum},
		},
		"file_name": schema.StringAttribute{
			MarkdownDescription: "Name of the file under the TFTP root, instead of one that carries the content.",
			Optional:            true,
			Validators:          []validator.String{framework.ObjectName},
		},
		"path": schema.StringAttribute{
			MarkdownDescription: "Path relative to the TFTP root, as a pxelinux entry needs it.",
			Computed:            true,
		},
		"sha256": schema.StringAttribute{
			MarkdownDescription: "SHA-256 of the file on the host, in hexadecimal digits.",
			Computed:            true,
		},
		"size_bytes": schema.Int64Attribute{
			MarkdownDescription: "Size of the file on the host.",
			Computed:            true,
		},
	}
}
