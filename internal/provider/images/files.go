package images

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// bootFileModel is a file of an image: a kernel, an initrd or a further file. Attributes of the other kinds are null.
type bootFileModel struct {
	sourceModel
	Cmdline types.String
	Parts   types.List
	Inject  types.Map

	limit int // how many bytes the command line of a kernel may have; 0 if it is not known
}

type kernelModel struct {
	sourceModel
	Cmdline types.String `tfsdk:"cmdline"`
}

type initrdModel struct {
	sourceModel
	Parts  types.List `tfsdk:"parts"`
	Inject types.Map  `tfsdk:"inject"`
}

type sourceModel struct {
	locationModel
	FileName types.String `tfsdk:"file_name"`
	publishedModel
}

type furtherModel struct {
	locationModel
	publishedModel
}

// locationModel is a source. It is also a part of an initrd.
type locationModel struct {
	Source      types.String `tfsdk:"source"`
	ISOPath     types.String `tfsdk:"iso_path"`
	ArchivePath types.String `tfsdk:"archive_path"`
	Checksum    types.String `tfsdk:"checksum"`
}

type publishedModel struct {
	Path      types.String `tfsdk:"path"`
	SHA256    types.String `tfsdk:"sha256"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
}

type insModel struct {
	Source   types.String `tfsdk:"source"`
	ISOPath  types.String `tfsdk:"iso_path"`
	Checksum types.String `tfsdk:"checksum"`
}

type injectModel struct {
	Content types.String `tfsdk:"content"`
	Source  types.String `tfsdk:"source"`
	Mode    types.String `tfsdk:"mode"`
}

var (
	injectType  = types.ObjectType{AttrTypes: framework.TypesOf(injectAttribute.NestedObject.Attributes)}
	partType    = types.ObjectType{AttrTypes: framework.TypesOf(partsAttribute.NestedObject.Attributes)}
	furtherType = types.ObjectType{AttrTypes: framework.TypesOf(furtherAttribute.NestedObject.Attributes)}
	kernelTypes = framework.TypesOf(kernelAttribute.Attributes)
	initrdTypes = framework.TypesOf(initrdAttribute.Attributes)
)

// newBootFile is a file without known attributes.
func newBootFile() *bootFileModel {
	return &bootFileModel{Parts: types.ListNull(partType), Inject: types.MapNull(injectType)}
}

// kinds are the kinds of all files of the image, as far as they are known.
func (m imageModel) kinds() []string {
	kinds := slices.Clone(bootfiles.Kinds)
	for _, name := range slices.Sorted(maps.Keys(m.Files.Elements())) {
		kinds = append(kinds, bootfiles.Further(name))
	}
	return kinds
}

// attributeOf is the attribute with the file of a kind.
func attributeOf(kind string) path.Path {
	if name, isFurther := bootfiles.FurtherName(kind); isFurther {
		return path.Root("files").AtMapKey(name)
	}
	return path.Root(kind)
}

// names are the names of the files in the state.
func (m imageModel) names(ctx context.Context, diags *diag.Diagnostics) []string {
	var names []string
	for _, kind := range m.kinds() {
		if file := m.file(ctx, kind, diags); file != nil && !file.Path.IsNull() {
			names = append(names, file.Path.ValueString())
		}
	}
	return names
}

// checkNames refuses the same name for both files.
func (m imageModel) checkNames(ctx context.Context, diags *diag.Diagnostics) {
	kernel, initrd := m.file(ctx, "kernel", diags), m.file(ctx, "initrd", diags)
	if kernel == nil || initrd == nil || kernel.Path.IsUnknown() || !kernel.Path.Equal(initrd.Path) {
		return
	}
	at := path.Root("initrd").AtName("file_name")
	diags.AddAttributeError(at, "Invalid file_name",
		framework.Sentence(framework.Within(at, fmt.Errorf("the kernel is also published as %q; choose another name for one of the files", initrd.Path.ValueString()))))
}

// file is the file of a kind; nil if it is null, unknown or no longer exists.
func (m imageModel) file(ctx context.Context, kind string, diags *diag.Diagnostics) *bootFileModel {
	file := newBootFile()
	name, isFurther := bootfiles.FurtherName(kind)
	switch {
	case isFurther:
		object, _ := m.Files.Elements()[name].(types.Object)
		further := framework.AsKnown[furtherModel](ctx, object, diags)
		if further == nil {
			return nil
		}
		file.locationModel, file.publishedModel = further.locationModel, further.publishedModel
	case kind == bootfiles.Kernel:
		kernel := framework.AsKnown[kernelModel](ctx, m.Kernel, diags)
		if kernel == nil {
			return nil
		}
		file.sourceModel, file.Cmdline = kernel.sourceModel, kernel.Cmdline
	default:
		initrd := framework.AsKnown[initrdModel](ctx, m.Initrd, diags)
		if initrd == nil {
			return nil
		}
		file.sourceModel, file.Parts, file.Inject = initrd.sourceModel, initrd.Parts, initrd.Inject
	}
	return file
}

func (m *imageModel) setFile(ctx context.Context, kind string, file *bootFileModel, diags *diag.Diagnostics) {
	name, isFurther := bootfiles.FurtherName(kind)
	switch {
	case isFurther:
		further := framework.ObjectFrom(ctx, furtherType.AttrTypes, furtherModel{file.locationModel, file.publishedModel}, diags)
		m.Files = framework.MapWith(m.Files, furtherType, name, further, diags)
	case kind == bootfiles.Kernel:
		m.Kernel = framework.ObjectFrom(ctx, kernelTypes, kernelModel{file.sourceModel, file.Cmdline}, diags)
	default:
		m.Initrd = framework.ObjectFrom(ctx, initrdTypes, initrdModel{file.sourceModel, file.Parts, file.Inject}, diags)
	}
}

// setPresent writes into the state what is on the host. nil means that there is no file. A file that guests cannot read
// counts as no file, so that the next apply publishes it again.
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

// forgetUnknown sets to null what is still unknown after a failed create.
func (m *imageModel) forgetUnknown(ctx context.Context, diags *diag.Diagnostics) {
	if m.Kernel.IsUnknown() {
		m.Kernel, m.Initrd = types.ObjectNull(kernelTypes), types.ObjectNull(initrdTypes)
	}
	if m.Cmdline.IsUnknown() {
		m.Cmdline = types.StringNull()
	}
	for _, kind := range m.kinds() {
		if file := m.file(ctx, kind, diags); file != nil && file.Path.IsUnknown() {
			file.setPresent(nil)
			m.setFile(ctx, kind, file, diags)
		}
	}
}

// description is the file as it is published.
func (f bootFileModel) description(ctx context.Context, imageName types.String, kind string, diags *diag.Diagnostics) bootfiles.File {
	file := f.locationModel.description(kind)
	file.Image, file.FileName, file.Cmdline = imageName.ValueString(), f.FileName.ValueString(), f.Cmdline.ValueStringPointer()
	var parts []locationModel
	diags.Append(f.Parts.ElementsAs(ctx, &parts, false)...)
	for _, part := range parts {
		file.Parts = append(file.Parts, part.description(kind))
	}
	if f.Inject.IsNull() {
		return file
	}
	var files map[string]injectModel
	diags.Append(f.Inject.ElementsAs(ctx, &files, false)...)
	file.Inject = map[string]bootfiles.Injected{}
	for name, m := range files {
		file.Inject[name] = bootfiles.Injected{Content: m.Content.ValueString(), Source: m.Source.ValueString(), Mode: m.Mode.ValueString()}
	}
	return file
}

// description is the source as it is published.
func (l locationModel) description(kind string) bootfiles.File {
	return bootfiles.File{
		Kind:        kind,
		Source:      l.Source.ValueString(),
		ISOPath:     l.ISOPath.ValueString(),
		ArchivePath: l.ArchivePath.ValueString(),
		Checksum:    l.Checksum.ValueString(),
	}
}

// known is the file as in the state; nil if the state has none.
func (f *bootFileModel) known(ctx context.Context, imageName types.String, kind string, diags *diag.Diagnostics) *bootfiles.Known {
	if f == nil {
		return nil
	}
	return &bootfiles.Known{File: f.description(ctx, imageName, kind, diags), SHA256: f.SHA256.ValueString()}
}

// plan fills in what will be on the host after the apply. before is the file in the state, and published is what was last
// published.
func (f *bootFileModel) plan(ctx context.Context, from bootfiles.Sources, imageName types.String, kind string, before *bootFileModel, published *bootfiles.Published, diags *diag.Diagnostics) error {
	f.Path, f.SHA256, f.SizeBytes = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
	if f.hasUnknown(ctx) || imageName.IsUnknown() {
		return nil
	}
	file, known := f.description(ctx, imageName, kind, diags), before.known(ctx, imageName, kind, diags)
	if from.Confirms(ctx, file, known) { // the source as the import wrote it stays, and the plan is empty
		*f = *before
		return nil
	}
	planned, err := from.Plan(ctx, file, known, published)
	if err != nil || planned.SHA256 == "" {
		return err
	}
	f.Path, f.SHA256, f.limit = types.StringValue(planned.Name), types.StringValue(planned.SHA256), planned.Limit
	if planned.Size > 0 {
		f.SizeBytes = types.Int64Value(planned.Size)
	}
	return nil
}

// hasUnknown tells whether a part of the description is known only after apply.
func (f bootFileModel) hasUnknown(ctx context.Context) bool {
	inject, err := f.Inject.ToTerraformValue(ctx)
	parts, failure := f.Parts.ToTerraformValue(ctx)
	return err != nil || failure != nil || !inject.IsFullyKnown() || !parts.IsFullyKnown() ||
		f.Source.IsUnknown() || f.ISOPath.IsUnknown() || f.ArchivePath.IsUnknown() || f.Checksum.IsUnknown() || f.FileName.IsUnknown() || f.Cmdline.IsUnknown()
}

// unchanged tells whether the planned file is the file on the host.
func (f bootFileModel) unchanged(prior *bootFileModel) bool {
	return prior != nil && !f.SHA256.IsUnknown() && f.SHA256.Equal(prior.SHA256) && f.Path.Equal(prior.Path)
}

// setPresent writes what is on the host. nil means that there is no file, which the next apply repairs.
func (f *bootFileModel) setPresent(now *tftproot.File) {
	if now == nil {
		f.Path, f.SHA256, f.SizeBytes = types.StringNull(), types.StringNull(), types.Int64Null()
		return
	}
	if f.Source.IsNull() && f.Parts.IsNull() {
		f.Source = types.StringValue(bootfiles.ImportedSource + now.SHA256)
	}
	f.Path = types.StringValue(now.Name)
	f.SHA256 = types.StringValue(now.SHA256)
	f.SizeBytes = types.Int64Value(now.Size)
}
