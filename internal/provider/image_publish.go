package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// publishedFiles are the files of an image on the host, by kind.
type publishedFiles map[string]*tftproot.File

func loadPublishedFiles(ctx context.Context, private privateState, diags *diag.Diagnostics) publishedFiles {
	files := publishedFiles{}
	for _, kind := range bootFileKinds {
		if file := loadPrivate[tftproot.File](ctx, private, kind, diags); file != nil {
			files[kind] = file
		}
	}
	return files
}

func (p publishedFiles) save(ctx context.Context, private privateWriter, diags *diag.Diagnostics) {
	for _, kind := range bootFileKinds {
		savePrivate(ctx, private, kind, p[kind], diags)
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
			now, err := r.publishFile(ctx, *m, kind, *file, before[kind])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if !diags.HasError() || !errors.Is(err, context.Canceled) { // else the other one's error ended this one
					fail(diags, faultyAttribute(kind, err), verb, m.subject(), err)
				}
				cancel()
				return
			}
			published[kind] = &now
			file.setPresent(&now)
			m.setFile(ctx, kind, file, diags)
			r.note(*m, kind, *file)
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

// note notes what is known of a file, for who boots it.
func (r *imageResource) note(m imageModel, kind string, file bootFileModel) {
	if m.TFTPRoot.IsUnknown() || file.Path.IsUnknown() || file.Path.IsNull() {
		return
	}
	r.plans.files.add(m.TFTPRoot.ValueString()+"/"+file.Path.ValueString(), plannedFile{kind, uint64(file.SizeBytes.ValueInt64())})
}

// publishFile streams one file from its source to the host, unless it is there. before is the one
// that it follows.
func (r *imageResource) publishFile(ctx context.Context, m imageModel, kind string, file bootFileModel, before *tftproot.File) (tftproot.File, error) {
	outcome, err := file.outcome()
	if err != nil {
		return tftproot.File{}, err
	}
	// libvirt's list lacks what came behind its back, such as what a crash of the host left.
	there, err := r.host.VolumeNames(ctx, m.TFTPRoot.ValueString())
	if err != nil {
		return tftproot.File{}, err
	}
	name := func(sha256 string) string {
		final := file.name(m.Name, kind, sha256)
		r.claims.add(m.TFTPRoot.ValueString(), final)
		return final
	}
	dir := r.directory(m)
	part := fmt.Sprintf("%s-%s.part", m.Name.ValueString(), kind)
	if outcome.Algorithm == "sha256" {
		now, found, err := tftproot.Published(ctx, dir, name(outcome.Hex), outcome.Hex)
		if found && slices.Contains(there, part) { // a run was killed after its last byte
			err = dir.Remove(ctx, part)
		}
		if err != nil || found {
			return now, err
		}
	}
	if err := file.checkFree(there, part, before); err != nil {
		return tftproot.File{}, err
	}
	content, err := file.open(ctx, kind)
	if err != nil {
		return tftproot.File{}, err
	}
	defer content.Close()
	return tftproot.PublishByContent(ctx, dir, part, name, content)
}

// checkFree refuses to overwrite a file under a name that the user chose and that is not before's,
// unless a staged file tells that a run was killed, which may have left half of its own there. A
// name that carries the content is nobody else's.
func (f bootFileModel) checkFree(there []string, part string, before *tftproot.File) error {
	name := f.FileName.ValueString()
	if before != nil && before.Name == name || !slices.Contains(there, name) || slices.Contains(there, part) {
		return nil
	}
	return fileNameError{fmt.Errorf("a file %q is under the TFTP root already, with other content or a mode in which guests cannot read it; choose another file_name, or remove the file from the host", name)}
}

// faultyAttribute is the attribute that an error in publishing a file is about.
func faultyAttribute(kind string, err error) path.Path {
	switch {
	case errors.As(err, new(sourceError)):
		return path.Root(kind).AtName("source")
	case errors.As(err, new(cmdlineError)):
		return path.Root(kind).AtName("cmdline")
	case errors.As(err, new(fileNameError)):
		return path.Root(kind).AtName("file_name")
	default:
		return path.Root("tftp_root")
	}
}

// Errors that are not the host's.
type (
	sourceError   struct{ error }
	cmdlineError  struct{ error }
	fileNameError struct{ error }
)

func (e sourceError) Unwrap() error { return e.error }

func (e cmdlineError) Unwrap() error { return e.error }

// content is a boot file on its way from its source. What is no such file, by its first bytes, does
// not open; what is not whole, or not what was promised, ends with an error.
type content struct {
	*image.Digest
	io.Closer
}

// open opens the source of a file, and writes the command line into it that it is to carry.
func (f bootFileModel) open(ctx context.Context, kind string) (*content, error) {
	promised, err := f.promised()
	if err != nil {
		return nil, err
	}
	stream, err := image.Client{}.Open(ctx, f.Source.ValueString())
	if err != nil {
		return nil, sourceError{err}
	}
	checked, err := image.Sniff(stream, bootFileChecks[kind])
	if err != nil {
		stream.Close()
		return nil, sourceError{fmt.Errorf("unable to use %s: %w", stream.Source, err)}
	}
	source := &content{image.Verify(checked, promised, stream.Source), stream}
	if f.Cmdline.IsNull() {
		return source, nil
	}
	kernel, err := image.WithCommandLine(source, f.Cmdline.ValueString())
	if err != nil {
		stream.Close()
		return nil, cmdlineError{err}
	}
	return &content{image.Verify(kernel, f.planned(), stream.Source+" with its command line"), stream}, nil
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.Digest.Read(p)
	if err != nil && err != io.EOF {
		err = sourceError{err}
	}
	return n, err
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

// findCommandLine writes into the state the command line that a kernel which is being imported carries.
func (r *imageResource) findCommandLine(ctx context.Context, m *imageModel, kernel *tftproot.File, diags *diag.Diagnostics) error {
	if kernel == nil {
		return nil
	}
	var head image.Head
	if err := r.directory(*m).Read(ctx, kernel.Name, &head); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if cmdline, found := head.CommandLine(); found {
		m.setFile(ctx, "kernel", &bootFileModel{Cmdline: types.StringValue(cmdline)}, diags)
	}
	return nil
}
