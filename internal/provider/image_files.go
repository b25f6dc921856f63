package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// bootFileKinds are the files of an image: attributes, parts of file names and keys of the private
// state alike.
var bootFileKinds = []string{"kernel", "initrd"}

// bootFileChecks look at the first bytes of a file before any of it reaches the host.
var bootFileChecks = map[string]func(head []byte) error{
	"kernel": image.CheckKernel,
	"initrd": image.CheckInitrd,
}

type bootFileModel struct {
	Source    types.String `tfsdk:"source"`
	Checksum  types.String `tfsdk:"checksum"`
	FileName  types.String `tfsdk:"file_name"`
	Path      types.String `tfsdk:"path"`
	SHA256    types.String `tfsdk:"sha256"`
	SizeBytes types.Int64  `tfsdk:"size_bytes"`
}

var bootFileTypes = map[string]attr.Type{
	"source":     types.StringType,
	"checksum":   types.StringType,
	"file_name":  types.StringType,
	"path":       types.StringType,
	"sha256":     types.StringType,
	"size_bytes": types.Int64Type,
}

func bootFileAttributes(kind string) map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"source": schema.StringAttribute{
			MarkdownDescription: "Where the " + kind + " comes from: an `http` or `https` URL, or a path on the machine that runs Terraform.",
			Required:            true,
		},
		"checksum": schema.StringAttribute{
			MarkdownDescription: "`sha256:…` or `sha512:…`. What does not match is not published. With a `sha256:` a file that is on the host already is not fetched.",
			Optional:            true,
			Validators:          []validator.String{checksum{}},
		},
		"file_name": schema.StringAttribute{
			MarkdownDescription: "Name of the file under the TFTP root, instead of one that carries the content.",
			Optional:            true,
			Validators:          []validator.String{objectName{}},
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
func (f *bootFileModel) plan(imageName types.String, kind string, before *bootFileModel, published *tftproot.File, diags *diag.Diagnostics) {
	f.Path, f.SHA256, f.SizeBytes = types.StringUnknown(), types.StringUnknown(), types.Int64Unknown()
	if f.Source.IsUnknown() || f.Checksum.IsUnknown() || f.FileName.IsUnknown() || imageName.IsUnknown() {
		return
	}
	sha256, size, err := f.expected()
	if err != nil {
		diags.AddAttributeError(path.Root(kind).AtName("source"), "Unable to read "+kind, sentence(err))
		return
	}
	if sha256 == "" && published != nil && f.comesFrom(before) {
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

// expected is what can be known of the content before it is fetched: by the checksum that is
// given, else by reading a local file. "" is nothing.
func (f bootFileModel) expected() (sha256 string, size int64, err error) {
	source := f.Source.ValueString()
	if sum, err := image.ParseChecksum(f.Checksum.ValueString()); err == nil && sum.Algorithm == "sha256" {
		return sum.Hex, 0, nil
	}
	if strings.Contains(source, "://") {
		return "", 0, nil
	}
	file, err := os.Open(source)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	content := image.Verify(file, image.Checksum{}, source)
	size, err = io.Copy(io.Discard, content)
	return content.SHA256(), size, err
}

// comesFrom tells whether the content is described as it was before.
func (f bootFileModel) comesFrom(before *bootFileModel) bool {
	return before != nil && f.Source.Equal(before.Source) && f.Checksum.Equal(before.Checksum)
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
	f.Path = types.StringValue(now.Name)
	f.SHA256 = types.StringValue(now.SHA256)
	f.SizeBytes = types.Int64Value(now.Size)
}

// publishedFiles are the files of an image on the host, by kind.
type publishedFiles map[string]*tftproot.File

func loadPublishedFiles(ctx context.Context, private privateState, diags *diag.Diagnostics) publishedFiles {
	files := publishedFiles{}
	for _, kind := range bootFileKinds {
		if file := loadPublished(ctx, private, kind, diags); file != nil {
			files[kind] = file
		}
	}
	return files
}

func (p publishedFiles) save(ctx context.Context, private privateWriter, diags *diag.Diagnostics) {
	for _, kind := range bootFileKinds {
		savePublished(ctx, private, kind, p[kind], diags)
	}
}

func (p publishedFiles) names() []string {
	var names []string
	for file := range maps.Values(p) {
		names = append(names, file.Name)
	}
	return names
}

// without are the names that are in p and not in other.
func (p publishedFiles) without(other publishedFiles) []string {
	kept := other.names()
	return slices.DeleteFunc(p.names(), func(name string) bool { return slices.Contains(kept, name) })
}

func (r *imageResource) directory(m imageModel) tftproot.Directory {
	return virt.NewDirectory(r.host, m.TFTPRoot.ValueString())
}

// publish publishes the files of an image side by side and fills in what became known. Those that
// are on the host as planned, by prior, are left alone. When one fails, those that were new with
// this call are removed again; before are those that were there.
func (r *imageResource) publish(ctx context.Context, m, prior *imageModel, before publishedFiles, verb string, diags *diag.Diagnostics) publishedFiles {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	published := publishedFiles{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, kind := range bootFileKinds {
		file := m.file(ctx, kind, diags)
		if file == nil {
			continue
		}
		if prior != nil && file.unchanged(prior.file(ctx, kind, diags)) {
			published[kind] = before[kind]
			continue
		}
		all.Go(func() {
			now, err := r.publishFile(ctx, *m, kind, *file)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if !(diags.HasError() && errors.Is(err, context.Canceled)) { // the other one's error ended this one
					fail(diags, path.Root(kind).AtName("source"), verb, m.subject(), err)
				}
				cancel()
				return
			}
			published[kind] = &now
			file.setPresent(&now)
			m.setFile(ctx, kind, file, diags)
		})
	}
	all.Wait()
	if diags.HasError() {
		if err := r.remove(context.WithoutCancel(ctx), *m, published.without(before)); err != nil {
			fail(diags, path.Empty(), "clean up after", m.subject(), err)
		}
	}
	return published
}

// publishFile streams one file from its source to the host, unless it is there.
func (r *imageResource) publishFile(ctx context.Context, m imageModel, kind string, file bootFileModel) (tftproot.File, error) {
	dir := r.directory(m)
	var sum image.Checksum
	if !file.Checksum.IsNull() {
		var err error
		if sum, err = image.ParseChecksum(file.Checksum.ValueString()); err != nil {
			return tftproot.File{}, err
		}
	}
	name := func(sha256 string) string {
		final := file.name(m.Name, kind, sha256)
		r.claims.add(m.TFTPRoot.ValueString(), final)
		return final
	}
	if sum.Algorithm == "sha256" {
		now, there, err := tftproot.Published(ctx, dir, name(sum.Hex), sum.Hex)
		if err != nil || there {
			return now, err
		}
	}
	source, err := image.Client{}.Open(ctx, file.Source.ValueString())
	if err != nil {
		return tftproot.File{}, err
	}
	defer source.Close()
	content, err := image.Sniff(source, bootFileChecks[kind])
	if err != nil {
		return tftproot.File{}, fmt.Errorf("%s: %w", source.Source, err)
	}
	part := fmt.Sprintf("%s-%s.part", m.Name.ValueString(), kind)
	return tftproot.PublishByContent(ctx, dir, part, name, image.Verify(content, sum, source.Source))
}

// remove removes files; what is gone already, with its pool or alone, is passed over.
func (r *imageResource) remove(ctx context.Context, m imageModel, names []string) error {
	dir := r.directory(m)
	var errs []error
	for _, name := range names {
		if err := dir.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// findFiles finds an image that is being imported by the names of its files.
func (r *imageResource) findFiles(ctx context.Context, m imageModel) (publishedFiles, error) {
	names, err := r.host.VolumeNames(ctx, m.TFTPRoot.ValueString())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	found := publishedFiles{}
	for _, kind := range bootFileKinds {
		pattern := regexp.MustCompile("^" + regexp.QuoteMeta(m.Name.ValueString()+"-"+kind+"-") + "[0-9a-f]{12}$")
		matching := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !pattern.MatchString(name) })
		if len(matching) > 1 {
			return nil, fmt.Errorf("there is more than one %s of that name: %s; remove those that are not meant", kind, strings.Join(matching, ", "))
		}
		if len(matching) == 1 {
			found[kind] = &tftproot.File{Name: matching[0]}
		}
	}
	return found, err
}
