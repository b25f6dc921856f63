package images

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/bootfiles"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// furtherKey is the key in the private state for the published further files, by kind.
const furtherKey = "files"

// loadPublished reads the published files of an image from the private state, by kind.
func loadPublished(ctx context.Context, private framework.PrivateState, diags *diag.Diagnostics) bootfiles.Files {
	files := bootfiles.Files{}
	for _, kind := range bootfiles.Kinds {
		if file := framework.LoadPrivate[bootfiles.Published](ctx, private, kind, diags); file != nil {
			files[kind] = file
		}
	}
	if further := framework.LoadPrivate[bootfiles.Files](ctx, private, furtherKey, diags); further != nil {
		maps.Copy(files, *further)
	}
	return files
}

func savePublished(ctx context.Context, private framework.PrivateWriter, files bootfiles.Files, diags *diag.Diagnostics) {
	further := maps.Clone(files)
	for _, kind := range bootfiles.Kinds {
		framework.SavePrivate(ctx, private, kind, files[kind], diags)
		delete(further, kind)
	}
	framework.SavePrivate(ctx, private, furtherKey, &further, diags)
}

func (r *imageResource) directory(m imageModel) tftproot.Directory { return r.directoryOf(m.root()) }

func (r *imageResource) directoryOf(pool string) tftproot.Directory {
	return virt.NewDirectory(r.Host, pool)
}

// sources are the sources of the image's files. Only an apply reads lists of checksums, and therefore needs the key.
func (m imageModel) sources(ctx context.Context, diags *diag.Diagnostics) bootfiles.Sources {
	from := bootfiles.Sources{Client: framework.Trust(ctx, m.TLS, diags), Arch: m.Arch.ValueString()}
	if !m.INS.IsUnknown() {
		from.Manifest = m.manifest(ctx, diags)
	}
	return from
}

// manifest is the manifest that describes the image; nil if the configuration describes it.
func (m imageModel) manifest(ctx context.Context, diags *diag.Diagnostics) *bootfiles.Manifest {
	ins := framework.As[insModel](ctx, m.INS, diags)
	if ins == nil {
		return nil
	}
	return &bootfiles.Manifest{
		Location: image.Location{Source: ins.Source.ValueString(), ISOPath: ins.ISOPath.ValueString()},
		Checksum: ins.Checksum.ValueString(),
	}
}

// named tells whether a boot configuration or a guest names a file of a TFTP root.
func (r *imageResource) named(ctx context.Context, root, file string) (bool, error) {
	unused, _, err := framework.Unused(ctx, r.Host, root, []string{file})
	return len(unused) == 0, err
}

// publish publishes the files of an image at the same time, and fills in what became known. prior says which files are
// already on the host as planned; they stay as they are. If one file fails, the new files of this call are removed again.
// The result is what is on the host: then these are the files that existed before, and any new file that could not be
// removed.
func (r *imageResource) publish(ctx context.Context, m, prior *imageModel, before bootfiles.Files, verb string, diags *diag.Diagnostics) bootfiles.Files {
	from := m.sources(ctx, diags)
	from.Together = r.Downloads
	from.Signing = framework.Signing(ctx, from.Client, m.ChecksumSignature, diags)
	m.describe(ctx, from, diags)
	orders, published := m.orders(ctx, prior, before, diags)
	if diags.HasError() {
		return nil
	}
	publisher := bootfiles.Publisher{Host: r.Host, Directory: r.directoryOf, Claims: r.Claims, Sources: from, Named: r.named}
	for _, result := range publisher.Publish(ctx, orders) {
		if result.Err != nil {
			framework.Fail(diags, faultyAttribute(result.Kind, result.Err), verb, m.subject(), result.Err)
		}
		if result.Published != nil {
			published[result.Kind] = result.Published
			file := m.file(ctx, result.Kind, diags)
			file.setPresent(&result.Published.File)
			file.limit = result.Published.Limit
			m.setFile(ctx, result.Kind, file, diags)
			r.note(*m, result.Kind, *file)
		}
	}
	r.noteImage(ctx, *m, diags)
	if !diags.HasError() {
		return published
	}
	if err := bootfiles.Remove(context.WithoutCancel(ctx), r.directory(*m), before.Lacks(published.Names())); err != nil {
		framework.Fail(diags, path.Empty(), "clean up after", m.subject(), err)
		return published
	}
	return before
}

// orders are the files that are to be published, and those that are on the host as planned.
func (m *imageModel) orders(ctx context.Context, prior *imageModel, before bootfiles.Files, diags *diag.Diagnostics) (orders []bootfiles.Order, there bootfiles.Files) {
	there = bootfiles.Files{}
	for _, kind := range m.kinds() {
		file := m.file(ctx, kind, diags)
		if file == nil {
			continue
		}
		if prior != nil {
			if was := prior.file(ctx, kind, diags); file.unchanged(was) {
				there[kind] = before[kind]
				file.SizeBytes = was.SizeBytes
				m.setFile(ctx, kind, file, diags)
				continue
			}
		}
		orders = append(orders, bootfiles.Order{File: file.description(ctx, m.Name, kind, diags), Pool: m.root(), SHA256: file.SHA256.ValueString(), Before: before[kind]})
	}
	return orders, there
}

// note records what is known of a file, for guests that boot it.
func (r *imageResource) note(m imageModel, kind string, file bootFileModel) {
	if m.TFTPRoot.IsUnknown() || file.Path.IsUnknown() || file.Path.IsNull() {
		return
	}
	noted := netboot.File{Kind: kind, Size: uint64(file.SizeBytes.ValueInt64()), Arch: m.Arch.ValueString(), Limit: file.limit, Cmdline: !file.Cmdline.IsNull()}
	if _, isFurther := bootfiles.FurtherName(kind); isFurther {
		noted.Arch = ""
	}
	r.Plans.Files.Add(m.root()+"/"+file.Path.ValueString(), noted)
}

// noteImage records the image's files for guests that boot it directly.
func (r *imageResource) noteImage(ctx context.Context, m imageModel, diags *diag.Diagnostics) {
	if m.TFTPRoot.IsUnknown() || m.Name.IsUnknown() {
		return
	}
	kernel, initrd := m.file(ctx, bootfiles.Kernel, diags), m.file(ctx, bootfiles.Initrd, diags)
	noted := netboot.Image{Arch: m.Arch.ValueString(), Cmdline: kernel != nil && !kernel.Cmdline.IsNull(), Known: kernel != nil && !kernel.Path.IsUnknown() && !m.Initrd.IsUnknown()}
	if noted.Known {
		noted.Kernel = kernel.Path.ValueString()
	}
	if initrd != nil {
		noted.Initrd, noted.Known = initrd.Path.ValueString(), noted.Known && !initrd.Path.IsUnknown()
	}
	r.Plans.Images.Add(m.root()+"/"+m.Name.ValueString(), noted)
}

// describe reads the manifest if the image has one and its files are not known yet.
func (m *imageModel) describe(ctx context.Context, from bootfiles.Sources, diags *diag.Diagnostics) {
	if from.Manifest == nil || !m.Kernel.IsUnknown() || diags.HasError() {
		return
	}
	kernel, initrd, cmdline, err := from.Manifest.Read(ctx, from.Client, m.Name.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("ins"), "Unable to read the manifest", framework.Sentence(err))
		return
	}
	m.Initrd, m.Cmdline = types.ObjectNull(initrdTypes), types.StringValue(cmdline)
	for _, file := range []*bootfiles.File{kernel, initrd} {
		if file == nil {
			continue
		}
		described := newBootFile()
		described.Source, described.ISOPath, described.Checksum = types.StringValue(file.Source), framework.Optional(file.ISOPath), framework.Optional(file.Checksum)
		m.setFile(ctx, file.Kind, described, diags)
	}
}

// faultyAttribute is the attribute that caused an error in publishing a file.
func faultyAttribute(kind string, err error) path.Path {
	var faulty *bootfiles.Error
	if errors.As(err, &faulty) {
		return attributeOf(kind).AtName(faulty.Attribute)
	}
	return path.Root("tftp_root")
}

// findCommandLine writes the command line in an imported kernel into the state.
func (r *imageResource) findCommandLine(ctx context.Context, m *imageModel, kernel *bootfiles.Published, diags *diag.Diagnostics) error {
	if kernel == nil {
		return nil
	}
	var head image.Head
	if err := r.directory(*m).Read(ctx, kernel.Name, &head); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.Arch = types.StringValue(cmp.Or(head.Arch(), arch.S390X))
	if cmdline, found := head.CommandLine(); found {
		file := newBootFile()
		file.Cmdline = types.StringValue(cmdline)
		m.setFile(ctx, bootfiles.Kernel, file, diags)
	}
	return nil
}
