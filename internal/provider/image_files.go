package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// bootFileKinds are the files of an image: attributes, parts of file names and keys of the private
// state alike.
var bootFileKinds = []string{"kernel", "initrd"}

// bootFileModel is a kernel or an initrd: what only the other one has is null.
type bootFileModel struct {
	sourceModel
	Cmdline types.String
	Inject  types.Map
}

type kernelModel struct {
	sourceModel
	Cmdline types.String `tfsdk:"cmdline"`
}

type initrdModel struct {
	sourceModel
	Inject types.Map `tfsdk:"inject"`
}

type sourceModel struct {
	Source    types.String `tfsdk:"source"`
	ISOPath   types.String `tfsdk:"iso_path"`
	Checksum  types.String `tfsdk:"checksum"`
	FileName  types.String `tfsdk:"file_name"`
	Path      types.String `tfsdk:"path"`
	SHA256    types.String `tfsdk:"sha256"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
}

var (
	kernelTypes = typesOf(kernelAttribute.Attributes)
	initrdTypes = typesOf(initrdAttribute.Attributes)
)

// newBootFile is a file of which nothing is known.
func newBootFile() *bootFileModel {
	return &bootFileModel{Inject: types.MapNull(injectType)}
}

// names are those of the files that the state knows.
func (m imageModel) names(ctx context.Context, diags *diag.Diagnostics) []string {
	var names []string
	for _, kind := range bootFileKinds {
		if file := m.file(ctx, kind, diags); file != nil && !file.Path.IsNull() {
			names = append(names, file.Path.ValueString())
		}
	}
	return names
}

// checkNames refuses one name for both files.
func (m imageModel) checkNames(ctx context.Context, diags *diag.Diagnostics) {
	kernel, initrd := m.file(ctx, "kernel", diags), m.file(ctx, "initrd", diags)
	if kernel == nil || initrd == nil || kernel.Path.IsUnknown() || !kernel.Path.Equal(initrd.Path) {
		return
	}
	at := path.Root("initrd").AtName("file_name")
	diags.AddAttributeError(at, "Invalid file_name",
		sentence(within(at, fmt.Errorf("the kernel is published as %q too; choose another name for one of them", initrd.Path.ValueString()))))
}

// file is the kernel or the initrd; nil where it is null, unknown or gone.
func (m imageModel) file(ctx context.Context, kind string, diags *diag.Diagnostics) *bootFileModel {
	file := newBootFile()
	if kind == "kernel" && !m.Kernel.IsUnknown() {
		kernel := as[kernelModel](ctx, m.Kernel, diags)
		if kernel == nil {
			return nil
		}
		file.sourceModel, file.Cmdline = kernel.sourceModel, kernel.Cmdline
		return file
	}
	if kind == "initrd" && !m.Initrd.IsUnknown() {
		initrd := as[initrdModel](ctx, m.Initrd, diags)
		if initrd == nil {
			return nil
		}
		file.sourceModel, file.Inject = initrd.sourceModel, initrd.Inject
		return file
	}
	return nil
}

func (m *imageModel) setFile(ctx context.Context, kind string, file *bootFileModel, diags *diag.Diagnostics) {
	if kind == "initrd" {
		m.Initrd = objectFrom(ctx, initrdTypes, initrdModel{file.sourceModel, file.Inject}, diags)
	} else {
		m.Kernel = objectFrom(ctx, kernelTypes, kernelModel{file.sourceModel, file.Cmdline}, diags)
	}
}

// setPresent writes into the state what is on the host: nil is nothing, and so is what no guest can
// read; then the next apply publishes it anew.
func (m *imageModel) setPresent(ctx context.Context, kind string, now *tftproot.File, diags *diag.Diagnostics) {
	if now != nil && now.Unreadable {
		now = nil
	}
	file := m.file(ctx, kind, diags)
	if file == nil {
		file = newBootFile()
	}
	file.setPresent(now)
	m.setFile(ctx, kind, file, diags)
}

// forgetUnknown empties what a create that failed did not get to know.
func (m *imageModel) forgetUnknown(ctx context.Context, diags *diag.Diagnostics) {
	if m.Kernel.IsUnknown() {
		m.Kernel, m.Initrd = types.ObjectNull(kernelTypes), types.ObjectNull(initrdTypes)
	}
	if m.Cmdline.IsUnknown() {
		m.Cmdline = types.StringNull()
	}
	for _, kind := range bootFileKinds {
		if file := m.file(ctx, kind, diags); file != nil && file.Path.IsUnknown() {
			file.setPresent(nil)
			m.setFile(ctx, kind, file, diags)
		}
	}
}

// name is the name of the file under the TFTP root, which carries its content unless told otherwise.
func (f bootFileModel) name(imageName types.String, kind, sha256 string) string {
	if !f.FileName.IsNull() {
		return f.FileName.ValueString()
	}
	return fmt.Sprintf("%s-%s-%.12s", imageName.ValueString(), kind, sha256)
}

// publishedFile is what an image remembers of a file that it has published.
type publishedFile struct {
	tftproot.File
	Injected string `json:",omitempty"` // digest of the files that were put into an initrd
	Stamp    string `json:",omitempty"` // of the source
}

// plan fills in what will be on the host after the apply. before is what the state has of this
// image, published what was last published.
func (f *bootFileModel) plan(ctx context.Context, from sources, imageName types.String, kind string, before *bootFileModel, published *publishedFile) error {
	f.Path, f.SHA256, f.SizeBytes = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
	if f.hasUnknown(ctx) || imageName.IsUnknown() {
		return nil
	}
	if f.confirms(ctx, from, kind, before) {
		*f = *before
		return nil
	}
	kept := published != nil && f.comesFrom(before, published)
	injected, err := f.injectedDigest(ctx)
	if err == nil {
		kept = kept && published.Injected == injected
	}
	var sha256 string
	var size int64
	looksUnchanged := kept && published.Stamp != "" && published.Stamp == f.stamp()
	if err == nil && !looksUnchanged {
		sha256, size, err = f.expected(ctx, from, kind)
	}
	if kept && errors.Is(err, fs.ErrNotExist) {
		err = nil // a local file that is not needed any more may go, or nobody could destroy without it
	}
	if err != nil {
		return err
	}
	if sha256 == "" && kept {
		sha256 = published.SHA256
	}
	if published != nil && published.SHA256 == sha256 {
		size = published.Size
	}
	if sha256 == "" {
		return nil
	}
	f.SHA256 = types.StringValue(sha256)
	f.Path = types.StringValue(f.name(imageName, kind, sha256))
	if size > 0 {
		f.SizeBytes = types.Int64Value(size)
	}
	return nil
}

// hasUnknown tells whether a part of the description is known only after apply.
func (f bootFileModel) hasUnknown(ctx context.Context) bool {
	inject, err := f.Inject.ToTerraformValue(ctx)
	return err != nil || !inject.IsFullyKnown() ||
		f.Source.IsUnknown() || f.ISOPath.IsUnknown() || f.Checksum.IsUnknown() || f.FileName.IsUnknown() || f.Cmdline.IsUnknown()
}

// expected is what can be known of the published file before its source is fetched: by the checksum
// that is given, else by reading a local file. "" is nothing.
func (f bootFileModel) expected(ctx context.Context, from sources, kind string) (sha256 string, size int64, err error) {
	if _, isList := image.ListOf(f.Checksum.ValueString()); isList {
		return "", 0, nil
	}
	if !f.isMadeAnew() && !f.Checksum.IsNull() {
		sum, err := image.ParseChecksum(f.Checksum.ValueString())
		if err != nil || sum.Algorithm == "sha256" {
			return sum.Hex, 0, err
		}
	}
	if isWeb(f.Source.ValueString()) {
		return "", 0, nil
	}
	content, err := f.open(ctx, from, kind)
	if err != nil {
		return "", 0, err
	}
	defer content.Close()
	size, err = io.Copy(io.Discard, content)
	return content.SHA256(), size, err
}

// stamp tells a local source from another version of it, by its size and the time of its modification,
// so that a plan does not read it again. It is empty for any other source.
func (f bootFileModel) stamp() string {
	if strings.Contains(f.Source.ValueString(), "://") {
		return ""
	}
	info, err := os.Stat(f.Source.ValueString())
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// isMadeAnew tells whether what is published is not the source as it is.
func (f bootFileModel) isMadeAnew() bool { return !f.Cmdline.IsNull() || !f.Inject.IsNull() }

// promised is what the source must hash to: what the user gives, else what the plan found, if the
// source is published as it is.
func (f bootFileModel) promised(ctx context.Context, from sources) (image.Checksum, error) {
	switch {
	case !f.Checksum.IsNull():
		return from.checksum(ctx, f)
	case f.isMadeAnew():
		return image.Checksum{}, nil
	default:
		return f.planned(), nil
	}
}

// outcome is what the published file must hash to.
func (f bootFileModel) outcome(ctx context.Context, from sources) (image.Checksum, error) {
	if f.isMadeAnew() {
		return f.planned(), nil
	}
	return f.promised(ctx, from)
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
func (f bootFileModel) confirms(ctx context.Context, from sources, kind string, imported *bootFileModel) bool {
	if imported == nil || !imported.isImported() || !f.describesAs(imported) {
		return false
	}
	content, err := f.open(ctx, from, kind)
	if err != nil {
		return false
	}
	defer content.Close()
	_, err = io.Copy(io.Discard, content)
	return err == nil && content.SHA256() == imported.SHA256.ValueString()
}

// comesFrom tells whether the content, which is on the host as it was published, is described as it
// was before.
func (f bootFileModel) comesFrom(before *bootFileModel, published *publishedFile) bool {
	return before != nil && before.SHA256.ValueString() == published.SHA256 &&
		f.Source.Equal(before.Source) && f.describesAs(before)
}

// describesAs tells whether two files are described in the same way, but for where they come from.
func (f bootFileModel) describesAs(other *bootFileModel) bool {
	return f.ISOPath.Equal(other.ISOPath) && f.Checksum.Equal(other.Checksum) && f.FileName.Equal(other.FileName) &&
		f.Cmdline.Equal(other.Cmdline) && f.Inject.Equal(other.Inject)
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
