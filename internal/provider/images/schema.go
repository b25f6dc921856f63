package images

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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
	MarkdownDescription: "Architecture of the kernel: `s390x`, `x86_64` (a bzImage), `aarch64` (an Image, also in a gzip file or as an EFI zboot) or `ppc64le` (a vmlinux). Guests boot the image directly, by `kernel` of a `netboot_domain`, or from the network, with a `netboot_pxelinux_config`, or for guests with UEFI a `netboot_grub_config`, of the same `arch`. Default: `s390x`. A change replaces the image.",
	Optional:            true,
	Computed:            true,
	Default:             stringdefault.StaticString(arch.S390X),
	Validators:          []validator.String{stringvalidator.OneOf(image.Architectures...)},
	PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
}

var kernelAttribute = func() schema.SingleNestedAttribute {
	attributes := publishedAttributes("kernel")
	attributes["cmdline"] = schema.StringAttribute{
		MarkdownDescription: fmt.Sprintf("Command line that is written into the published kernel itself. Use it for a command line that is longer than the limit of `append` of a pxelinux entry, which is %d bytes. ", pxelinux.MaxAppendSize) +
			"It is also the only way to pass a command line to a ppc64le kernel that boots from the network. Kernels for other architectures than `s390x` and `ppc64le` cannot carry one. " +
			"The limit is that of the kernel: on s390x usually 4095 bytes, on ppc64le 2047. An entry that boots this kernel needs no `append`, and an existing `append` is not used, and neither is `kernel.cmdline` of a `netboot_domain`. " +
			"With `cmdline`, `checksum` refers to the source, but `path`, `sha256` and `size_bytes` refer to the published kernel. " +
			"Linux panics if more than about 30 parameters have names that it does not know, except names that contain a dot. Anyone on the network can read the command line.",
		Optional:   true,
		Validators: []validator.String{commandLine},
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The kernel, in the format that the firmware loads: a raw s390x image, unless `arch` is set to another architecture. Any other file (an HTML page, an ELF or compressed file, a kernel for another architecture) is refused. With `ins`, the kernel that the manifest names.\n\n" +
			"A vmlinux for ppc64le is published with another address in its ELF header, because the firmware, SLOF, does not boot it otherwise. `checksum` refers to the source, but `path`, `sha256` and `size_bytes` refer to the published kernel. A zImage is published as it is. QEMU 7.1 and later boots the published vmlinux directly as well.\n\n" +
			"GRUB boots all three forms of a kernel for aarch64. QEMU boots an Image directly, also in a gzip file. Only QEMU 9.1 and later boots an EFI zboot directly, if it is packed with gzip.",
		Optional:   true,
		Computed:   true,
		Attributes: attributes,
	}
}()

var initrdAttribute = func() schema.SingleNestedAttribute {
	attributes := publishedAttributes("initrd")
	attributes["source"] = schema.StringAttribute{
		MarkdownDescription: "Source of the initrd: an `http`, `https` or `ftp` URL, or a path on the machine that runs Terraform. Set either this or `parts`.",
		Optional:            true,
		Validators:          []validator.String{stringvalidator.ExactlyOneOf(framework.Sibling("parts"))},
	}
	attributes["parts"] = partsAttribute
	attributes["inject"] = injectAttribute
	return schema.SingleNestedAttribute{
		MarkdownDescription: "The initial RAM disk. If a kernel needs none, its pxelinux entry uses an empty one. With `ins`, the initrd that the manifest names.",
		Optional:            true,
		Computed:            true,
		Attributes:          attributes,
	}
}()

var injectAttribute = schema.MapNestedAttribute{
	MarkdownDescription: "Files that are added to the initrd, by their absolute paths in the initrd, such as `/preseed.cfg`. They are appended as an archive, so the initrd can be compressed in any format. They replace existing files in the initrd. " +
		"With `inject`, `checksum` refers to the source, but `path`, `sha256` and `size_bytes` refer to the published initrd. Anyone on the network can read these files.",
	Optional:   true,
	Validators: []validator.Map{mapvalidator.SizeAtLeast(1)},
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"content": schema.StringAttribute{
			MarkdownDescription: "Content of the file, as text. Set either this or `source`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.ExactlyOneOf(framework.Sibling("source"))},
		},
		"source": framework.OptionalString("File with the content: a path on the machine that runs Terraform. The next plan detects a change of its content."),
		"mode": schema.StringAttribute{
			MarkdownDescription: "Mode of the file, in octal digits. Default: `0644`.",
			Optional:            true,
			Validators:          []validator.String{framework.OctalMode},
		},
	}},
}

var insAttribute = schema.SingleNestedAttribute{
	MarkdownDescription: "An `.ins` manifest, to be set instead of `kernel` and `initrd`. Installation media have such a manifest for an LPAR. Its paths are relative to the manifest. Only the files that it names matter; firmware does not have to be able to read the manifest. " +
		"The manifest is read once. Afterwards, `kernel` and `initrd` are the files that it named, until `ins` changes.",
	Optional: true,
	Attributes: map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Source of the manifest: an `http`, `https` or `ftp` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"iso_path": framework.OptionalString("Path of the manifest in an ISO image. `source` is then the ISO image."),
		"checksum": framework.OptionalString("`file:` and the URL or path of a list with the checksums of the kernel and the initrd.", checksumList),
	},
}

var partsAttribute = schema.ListNestedAttribute{
	MarkdownDescription: "Several initrds that are published as one, in this order, to be set instead of `source`: for example the initramfs and the root file system of CoreOS, or an archive of firmware files and the initrd of an installer. " +
		"A file of a later part replaces a file of an earlier one with the same path. Microcode of x86_64 has to be in the first part. Each part is a cpio archive, which can be compressed. " +
		"`path`, `sha256` and `size_bytes` refer to the published initrd.",
	Optional: true,
	Validators: []validator.List{
		listvalidator.SizeAtLeast(1),
		listvalidator.ConflictsWith(framework.Sibling("iso_path"), framework.Sibling("archive_path"), framework.Sibling("checksum")),
	},
	NestedObject: schema.NestedAttributeObject{Attributes: sourceAttributes("part")},
}

var furtherAttribute = schema.MapNestedAttribute{
	MarkdownDescription: "Further files, which the system of the image loads after its start: a root file system, an ISO image. They are published like the kernel and the initrd, with a hash of their content in the name. " +
		"The key is a name of at most 50 letters, digits, dots and underscores, such as `root.squashfs`. Its extension is the end of the published name (`<name>-root-<12 digits of its SHA-256>.squashfs`), because some systems decide by it what the file is. " +
		"Files with fixed names belong into `files` of the `netboot_tftp_root`.",
	Optional:     true,
	Validators:   []validator.Map{mapvalidator.KeysAre(furtherName)},
	NestedObject: schema.NestedAttributeObject{Attributes: withComputed(sourceAttributes("file"))},
}

// sourceAttributes are the attributes of a source.
func sourceAttributes(kind string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Source of the " + kind + ": an `http`, `https` or `ftp` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"iso_path": framework.OptionalString("Path of the " + kind + " in an ISO image. `source` is then the ISO image. If the ISO image is on a web server that supports range requests, only the needed parts are fetched."),
		"archive_path": framework.OptionalString("Path of the "+kind+" in an archive. `source` is then the archive: a Debian package (`.deb`), or a tar file, which can be compressed with gzip, xz, zstd, bzip2 or lz4.",
			stringvalidator.ConflictsWith(framework.Sibling("iso_path"))),
		"checksum": schema.StringAttribute{
			MarkdownDescription: "`sha256:…` or `sha512:…` of the " + kind + " itself, or `file:` and the URL or path of a list with its checksum: `SHA256SUMS`, `CHECKSUMS`, `.treeinfo`. With `archive_path`, it is the checksum of the archive. " +
				"A file that does not match is not published. With `sha256:`, a file that is already on the host is not fetched.",
			Optional:   true,
			Validators: []validator.String{framework.Checksum},
		},
	}
}

// publishedAttributes are the attributes that both a kernel and an initrd have.
func publishedAttributes(kind string) map[string]schema.Attribute {
	attributes := withComputed(sourceAttributes(kind))
	attributes["file_name"] = schema.StringAttribute{
		MarkdownDescription: "Name of the file under the TFTP root, instead of a name that contains the hash of its content.",
		Optional:            true,
		Validators:          []validator.String{framework.ObjectName},
	}
	return attributes
}

// withComputed adds what is known of a published file.
func withComputed(attributes map[string]schema.Attribute) map[string]schema.Attribute {
	attributes["path"] = framework.ComputedString("Path of the file relative to the TFTP root, as an entry of a boot configuration needs it.")
	attributes["sha256"] = framework.ComputedString("SHA-256 of the file on the host, in hexadecimal digits.")
	attributes["size_bytes"] = schema.Int64Attribute{
		MarkdownDescription: "Size of the file on the host.",
		Computed:            true,
	}
	return attributes
}
