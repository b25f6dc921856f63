package tftproots

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

var filesAttribute = schema.MapNestedAttribute{
	MarkdownDescription: "Files at fixed paths, by their paths below the root, such as `pxelinux.0` or `grub/x86_64-efi/normal.mod`: boot loaders, their modules, certificates. Directories are created as needed. " +
		"Kernels and initrds belong into a `netboot_image`, which a guest can load while it is replaced. " +
		"A file is sent to the host under another name first, and then copied on the host, because libvirt cannot rename a file: a guest that asks for it in the milliseconds of the copy can fail to boot. " +
		"An existing file with other content is not overwritten: the apply fails. An existing file with the same content is used, and a destroy keeps it, unless this resource created its directory. " +
		"If a file is removed or changed on the host, the next plan detects it.",
	Optional:   true,
	Validators: []validator.Map{mapvalidator.KeysAre(filePath)},
	NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Source of the file: an `http`, `https` or `ftp` URL, or a path on the machine that runs Terraform. Set either this or `content`.",
			Optional:            true,
			Validators:          []validator.String{stringvalidator.LengthAtLeast(1), stringvalidator.ExactlyOneOf(framework.Sibling("content"))},
		},
		"content":      framework.OptionalString("Content of the file, as text."),
		"iso_path":     framework.OptionalString("Path of the file in an ISO image. `source` is then the ISO image. If the ISO image is on a web server that supports range requests, only the needed parts are fetched.", ofSource, stringvalidator.ConflictsWith(framework.Sibling("archive_path"))),
		"archive_path": framework.OptionalString("Path of the file in an archive. `source` is then the archive: a Debian package (`.deb`), or a tar file, which can be compressed with gzip, xz, zstd, bzip2 or lz4.", ofSource),
		"checksum": schema.StringAttribute{
			MarkdownDescription: "`sha256:…` or `sha512:…` of the source, or `file:` and the URL or path of a list with its checksum, such as `SHA256SUMS`. With `archive_path`, it is the checksum of the archive; with `iso_path`, that of the file in the ISO image. " +
				"A file that does not match is not published.",
			Optional:   true,
			Validators: []validator.String{framework.Checksum, ofSource},
		},
		"sha256":     framework.ComputedString("SHA-256 of the file on the host, in hexadecimal digits."),
		"size_bytes": schema.Int64Attribute{MarkdownDescription: "Size of the file on the host.", Computed: true},
	}},
}

var grubPrefixesAttribute = schema.ListAttribute{
	MarkdownDescription: "Directories below the root in which images of GRUB look for their configuration: the prefixes that are built into them. Debian's and Ubuntu's `grubnetx64.efi.signed` and `grubnetaa64.efi.signed` have `grub`, " +
		"Debian's installers `debian-installer/amd64/grub` and `debian-installer/arm64/grub`; `.` is the root. " +
		"The root writes a `grub.cfg` into each, which loads the `netboot_grub_config` of the guest from the directory `grub`. This directory is made as well, whatever the prefixes are.",
	ElementType: types.StringType,
	Optional:    true,
	Validators:  []validator.List{listvalidator.UniqueValues(), listvalidator.ValueStringsAre(grubPrefix)},
}

// ofSource is for attributes that need a source.
var ofSource = stringvalidator.AlsoRequires(framework.Sibling("source"))

var filePath = framework.Rule{What: "path", Check: checkFilePath}

// filePaths matches names, separated by slashes. libvirt does not see a file whose name begins with a dot.
var filePaths = sync.OnceValue(func() *regexp.Regexp {
	const name = `[A-Za-z0-9_][A-Za-z0-9._:+,@=~-]*`
	return regexp.MustCompile(`^` + name + `(/` + name + `)*$`)
})

// maxFilePath leaves room for the suffixes of a staged file's name. A pool has the name of its directory, so this limits it as well.
const maxFilePath = 150

var grubPrefix = framework.Rule{What: "prefix", Check: checkGRUBPrefix}

// checkGRUBPrefix accepts a directory below a TFTP root, or the root itself.
func checkGRUBPrefix(value string) error {
	if value == "." {
		return nil
	}
	if !filePaths().MatchString(value) {
		return fmt.Errorf("%q is not the path of a directory below the TFTP root; write it without a slash at the beginning or end, such as boot/grub, "+
			"or . for the root itself", value)
	}
	return checkFilePath(value)
}

// checkFilePath accepts the path of a file below a TFTP root.
func checkFilePath(value string) error {
	switch {
	case !filePaths().MatchString(value):
		return fmt.Errorf("%q is not the path of a file below the TFTP root, such as grub/grub.cfg: names of letters, digits and the characters . _ : + , @ = ~ -, separated by slashes; "+
			"a name begins with a letter, a digit or _", value)
	case len(value) > maxFilePath:
		return fmt.Errorf("the path has %d bytes; it can have at most %d", len(value), maxFilePath)
	case strings.HasPrefix(value+"/", tftproot.ConfigDir+"/"):
		return errors.New("configurations in pxelinux.cfg are netboot_pxelinux_config resources")
	default:
		return nil
	}
}
