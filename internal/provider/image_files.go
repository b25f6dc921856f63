package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// bootFileKinds are the files of an image: attributes, parts of file names and keys of the private
// state alike.
var bootFileKinds = []string{"kernel", "initrd"}

// bootFileChecks look at the first bytes of a file before any of it reaches the host.
var bootFileChecks = map[string]func(head []byte) error{
	"kernel": image.CheckKernel,
	"initrd": image.CheckInitrd,
}

// bootFileModel is a kernel. An initrd is one without a command line.
type bootFileModel struct {
	initrdModel
	Cmdline types.String `tfsdk:"cmdline"`
}

type initrdModel struct {
	Source    types.String `tfsdk:"source"`
	Checksum  types.String `tfsdk:"checksum"`
	FileName  types.String `tfsdk:"file_name"`
	Path      types.String `tfsdk:"path"`
	SHA256    types.String `tfsdk:"sha256"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
}

var initrdTypes = map[string]attr.Type{
	"source":     types.StringType,
	"checksum":   types.StringType,
	"file_name":  types.StringType,
	"path":       types.StringType,
	"sha256":     types.StringType,
	"size_bytes": types.Int64Type,
}

var kernelTypes = func() map[string]attr.Type {
	kernel := maps.Clone(initrdTypes)
	kernel["cmdline"] = types.StringType
	return kernel
}()

var commandLine = rule{"command line", image.CheckCommandLine}

func kernelAttributes() map[string]schema.Attribute {
	kernel := initrdAttributes("kernel")
	kernel["cmdline"] = schema.StringAttribute{
		MarkdownDescription: "Command line that is written into the published kernel itself, for one that is longer than the 895 bytes which `append` of a pxelinux entry can have: " +
			"up to what the kernel takes, which usually is 4095 bytes. An entry that boots this kernel needs no `append`; what it has is not used. " +
			"Then `checksum` is that of the source, but `path`, `sha256` and `size_bytes` are those of the published kernel. " +
			"Linux panics when more than some 30 words have a name that it does not know, unless there is a dot in it. Anyone on the network can read the command line.",
		Optional:   true,
		Validators: []validator.String{commandLine},
	}
	return kernel
}

// initrdAttributes are those of the initrd, and with this kind those that the kernel has as well.
func initrdAttributes(kind string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Where the " + kind + " comes from: an `http` or `https` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"checksum": schema.StringAttribute{
			MarkdownDescription: "`sha256:…` or `sha512:…`. What does not match is not published. With a `sha256:` a file that is on the host already is not fetched.",
			Optional:            true,
			Validators:          []validator.String{checksum},
		},
		"file_name": schema.StringAttribute{
			MarkdownDescription: "Name of the file under the TFTP root, instead of one that carries the content.",
			Optional:            true,
			Validators:          []validator.String{objectName},
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

// name is the name of the file under the TFTP root, which carries its content unless told otherwise.
func (f bootFileModel) name(imageName types.String, kind, sha256 string) string {
	if !f.FileName.IsNull() {
		return f.FileName.ValueString()
	}
	return fmt.Sprintf("%s-%s-%.12s", imageName.ValueString(), kind, sha256)
}

// plan fills in what will be on the host after the apply. before is what the state has of this
// image, published what was last published.
func (f *bootFileModel) plan(ctx context.Context, imageName types.String, kind string, before *bootFileModel, published *tftproot.File, diags *diag.Diagnostics) {
	f.Path, f.SHA256, f.SizeBytes = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
	if f.Source.IsUnknown() || f.Checksum.IsUnknown() || f.FileName.IsUnknown() || f.Cmdline.IsUnknown() || imageName.IsUnknown() {
		return
	}
	if f.confirms(ctx, kind, before) {
		*f = *before
		return
	}
	sha256, size, err := f.expected(ctx, kind)
	kept := published != nil && f.comesFrom(before, published)
	if kept && errors.Is(err, fs.ErrNotExist) {
		err = nil // a local file that is not needed any more may go, or nobody could destroy without it
	}
	if err != nil {
		at := faultyAttribute(kind, err)
		diags.AddAttributeError(at, "Unable to read "+kind, sentence(within(at, err)))
		return
	}
	if sha256 == "" && kept {
		sha256 = published.SHA256
	}
	if published != nil && published.SHA256 == sha256 {
		size = published.Size
	}
	if sha256 == "" {
		return
	}
	f.SHA256 = types.StringValue(sha256)
	f.Path = types.StringValue(f.name(imageName, kind, sha256))
	if size > 0 {
		f.SizeBytes = types.Int64Value(size)
	}
}

// expected is what can be known of the published file before its source is fetched: by the checksum
// that is given, else by reading a local file. "" is nothing.
func (f bootFileModel) expected(ctx context.Context, kind string) (sha256 string, size int64, err error) {
	sum, err := f.outcome()
	if err != nil || sum.Algorithm == "sha256" {
		return sum.Hex, 0, err
	}
	if isWeb(f.Source.ValueString()) {
		return "", 0, nil
	}
	content, err := f.open(ctx, kind)
	if err != nil {
		return "", 0, err
	}
	defer content.Close()
	size, err = io.Copy(io.Discard, content)
	return content.SHA256(), size, err
}

// promised is what the source must hash to: what the user gives, else what the plan found, if the
// source is published as it is.
func (f bootFileModel) promised() (image.Checksum, error) {
	switch {
	case !f.Checksum.IsNull():
		return image.ParseChecksum(f.Checksum.ValueString())
	case !f.Cmdline.IsNull():
		return image.Checksum{}, nil
	default:
		return f.planned(), nil
	}
}

// outcome is what the published file must hash to.
func (f bootFileModel) outcome() (image.Checksum, error) {
	if f.Cmdline.IsNull() {
		return f.promised()
	}
	return f.planned(), nil
}

// planned is what the plan found that the published file will hash to.
func (f bootFileModel) planned() image.Checksum {
	if f.SHA256.IsNull() || f.SHA256.IsUnknown() {
		return image.Checksum{}
	}
	return image.Checksum{Algorithm: "sha256", Hex: f.SHA256.ValueString()}
}

// isWeb tells a source that a plan does not fetch from one that it may read.
func isWeb(source string) bool {
	scheme, _, isURL := strings.Cut(strings.ToLower(source), "://")
	return isURL && (scheme == "http" || scheme == "https")
}

// importedSource begins what an import writes for the source, which nothing on the host tells: the
// hash of the content.
const importedSource = "sha256:"

func (f bootFileModel) isImported() bool {
	return strings.HasPrefix(f.Source.ValueString(), importedSource)
}

// confirms tells whether the source has just the content that was imported, by reading it. What the
// import wrote for the source then stays, and the plan is empty.
func (f bootFileModel) confirms(ctx context.Context, kind string, imported *bootFileModel) bool {
	if imported == nil || !imported.isImported() || !f.describesAs(imported) {
		return false
	}
	content, err := f.open(ctx, kind)
	if err != nil {
		return false
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err == nil && content.SHA256() == imported.SHA256.ValueString()
}

// comesFrom tells whether the content, which is on the host as it was published, is described as it
// was before.
func (f bootFileModel) comesFrom(before *bootFileModel, published *tftproot.File) bool {
	return before != nil && before.SHA256.ValueString() == published.SHA256 &&
		f.Source.Equal(before.Source) && f.describesAs(before)
}

// describesAs tells whether two files are described in the same way, but for where they come from.
func (f bootFileModel) describesAs(other *bootFileModel) bool {
	return f.Checksum.Equal(other.Checksum) && f.FileName.Equal(other.FileName) && f.Cmdline.Equal(other.Cmdline)
}

// unchanged tells whether what is planned is what the host has.
func (f bootFileModel) unchanged(prior *bootFileModel) bool {
	return prior != nil && !f.SHA256.IsUnknown() && f.SHA256.Equal(prior.SHA256) && f.Path.Equal(prior.Path)
}

// setPresent writes what is on the host; nil is nothing, which the next plan mends.
func (f *bootFileModel) setPresent(now *tftproot.File) {
	if now == nil {
		f.Path, f.SHA256, f.SizeBytes = types.StringNull(), types.StringNull(), types.Int64Null()
		return
	}
	if f.Source.IsNull() {
		f.Source = types.StringValue(importedSource + now.SHA256)
	}
	f.Path = types.StringValue(now.Name)
	f.SHA256 = types.StringValue(now.SHA256)
	f.SizeBytes = types.Int64Value(now.Size)
}
