package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// publishedFiles are the files of an image on the host, by kind.
type publishedFiles map[string]*publishedFile

func loadPublishedFiles(ctx context.Context, private privateState, diags *diag.Diagnostics) publishedFiles {
	files := publishedFiles{}
	for _, kind := range bootFileKinds {
		if file := loadPrivate[publishedFile](ctx, private, kind, diags); file != nil {
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
func (p publishedFiles) without(other publishedFiles) []string { return other.lacks(p.names()) }

// lacks are those of the names that are not in p.
func (p publishedFiles) lacks(names []string) []string {
	there := p.names()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(there, name) })
}

func (r *imageResource) directory(m imageModel) tftproot.Directory {
	return virt.NewDirectory(r.host, m.root())
}

// sources are where the image's files come from. Only an apply reads lists, and so needs the key.
func (m imageModel) sources(ctx context.Context, diags *diag.Diagnostics) sources {
	from := sources{Client: trust(ctx, m.TLS, diags), arch: m.Arch.ValueString()}
	if !m.INS.IsUnknown() {
		from.ins = as[insModel](ctx, m.INS, diags)
	}
	return from
}

// publish publishes the files of an image side by side and fills in what became known. Those that
// are on the host as planned, by prior, are left alone. When one fails, those that were new with
// this call are removed again, and what is on the host are those that were there, before, and what could
// not be removed.
func (r *imageResource) publish(ctx context.Context, m, prior *imageModel, before publishedFiles, verb string, diags *diag.Diagnostics) publishedFiles {
	from := m.sources(ctx, diags)
	from.Together = r.downloads
	from.signing = signing(ctx, from.Client, m.ChecksumSignature, diags)
	m.describe(ctx, from, diags)
	if diags.HasError() {
		return nil
	}
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
		if prior != nil {
			if was := prior.file(ctx, kind, diags); file.unchanged(was) {
				published[kind] = before[kind]
				file.SizeBytes = was.SizeBytes
				m.setFile(ctx, kind, file, diags)
				continue
			}
		}
		all.Go(func() {
			now, err := r.publishFile(ctx, *m, from, kind, *file, before[kind])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				if !diags.HasError() || !errors.Is(err, context.Canceled) { // else the other one's error ended this one
					fail(diags, faultyAttribute(kind, err), verb, m.subject(), err)
				}
				cancel()
				if now.Name == "" {
					return
				}
			}
			published[kind] = &now
			file.setPresent(&now.File)
			m.setFile(ctx, kind, file, diags)
			r.note(*m, kind, *file)
		})
	}
	all.Wait()
	r.noteImage(ctx, *m, diags)
	if diags.HasError() {
		err := r.remove(context.WithoutCancel(ctx), *m, published.without(before))
		if err == nil {
			return before
		}
		fail(diags, path.Empty(), "clean up after", m.subject(), err)
	}
	return published
}

// note notes what is known of a file, for who boots it.
func (r *imageResource) note(m imageModel, kind string, file bootFileModel) {
	if m.TFTPRoot.IsUnknown() || file.Path.IsUnknown() || file.Path.IsNull() {
		return
	}
	r.plans.Files.Add(m.root()+"/"+file.Path.ValueString(), netboot.File{Kind: kind, Size: uint64(file.SizeBytes.ValueInt64())})
}

// noteImage remembers the image's files for guests that boot it directly.
func (r *imageResource) noteImage(ctx context.Context, m imageModel, diags *diag.Diagnostics) {
	if m.TFTPRoot.IsUnknown() || m.Name.IsUnknown() {
		return
	}
	kernel, initrd := m.file(ctx, "kernel", diags), m.file(ctx, "initrd", diags)
	noted := netboot.Image{Arch: m.Arch.ValueString(), Known: kernel != nil && !kernel.Path.IsUnknown() && !m.Initrd.IsUnknown()}
	if noted.Known {
		noted.Kernel = kernel.Path.ValueString()
	}
	if initrd != nil {
		noted.Initrd, noted.Known = initrd.Path.ValueString(), noted.Known && !initrd.Path.IsUnknown()
	}
	r.plans.Images.Add(m.root()+"/"+m.Name.ValueString(), noted)
}

// describe reads the manifest where the image is described by one, and its files are not known yet.
func (m *imageModel) describe(ctx context.Context, from sources, diags *diag.Diagnostics) {
	ins := as[insModel](ctx, m.INS, diags)
	if ins == nil || !m.Kernel.IsUnknown() {
		return
	}
	kernel, initrd, cmdline, err := from.manifest(ctx, *ins)
	if err != nil {
		diags.AddAttributeError(path.Root("ins"), "Unable to read the manifest", sentence(err))
		return
	}
	m.Initrd, m.Cmdline = types.ObjectNull(initrdTypes), types.StringValue(cmdline)
	m.setFile(ctx, "kernel", kernel, diags)
	if initrd != nil {
		m.setFile(ctx, "initrd", initrd, diags)
	}
}

// publishFile streams one file from its source to the host, unless it is there. before is the one
// that it follows.
func (r *imageResource) publishFile(ctx context.Context, m imageModel, from sources, kind string, file bootFileModel, before *publishedFile) (publishedFile, error) {
	injected, err := file.injectedDigest(ctx)
	if err != nil {
		return publishedFile{}, err
	}
	if !file.Checksum.IsNull() { // a list, which is asked once
		sum, err := from.checksum(ctx, file)
		if err != nil {
			return publishedFile{}, err
		}
		file.Checksum = types.StringValue(sum.String())
	}
	stamp := file.stamp() // before it is read: a change meanwhile then shows in the next plan
	connected, cancel, err := r.host.WhileConnected(ctx)
	if err != nil {
		return publishedFile{}, err
	}
	defer cancel()
	now, err := r.publishContent(connected, m, from, kind, file, before)
	if err != nil && connected.Err() != nil && ctx.Err() == nil {
		err = context.Cause(connected) // and not what it did to the source
	}
	return publishedFile{now, injected, stamp}, err
}

func (r *imageResource) publishContent(ctx context.Context, m imageModel, from sources, kind string, file bootFileModel, before *publishedFile) (tftproot.File, error) {
	outcome, err := file.outcome(ctx, from)
	if err != nil {
		return tftproot.File{}, err
	}
	// libvirt's list lacks what came behind its back, such as what a crash of the host left.
	there, err := r.host.VolumeNames(ctx, m.root())
	if err != nil {
		return tftproot.File{}, err
	}
	name := func(sha256 string) string {
		final := file.name(m.Name, kind, sha256)
		r.claims.add(m.root(), final)
		return final
	}
	dir := r.directory(m)
	leftovers, err := tftproot.FindLeftovers(ctx, dir, m.stagedFiles(kind, there))
	if err != nil {
		return tftproot.File{}, err
	}
	if outcome.Algorithm == "sha256" {
		now, found, err := tftproot.Published(ctx, dir, name(outcome.Hex), outcome.Hex)
		if found {
			err = leftovers.RemoveIdle(ctx, dir)
		}
		if err != nil || found {
			return now, err
		}
	}
	if err := file.checkFree(there, len(leftovers) > 0, before); err != nil {
		return tftproot.File{}, err
	}
	content, err := file.open(ctx, from, kind)
	if err != nil {
		return tftproot.File{}, err
	}
	defer content.Close()
	if err := leftovers.RemoveIdle(ctx, dir); err != nil {
		return tftproot.File{}, err
	}
	return tftproot.PublishByContent(ctx, dir, m.stagedFile(kind), name, content)
}

// stagedFile is a name for a file that is being published, and that no other run has.
func (m imageModel) stagedFile(kind string) string {
	return fmt.Sprintf("%s-%s-%.8s.part", m.Name.ValueString(), kind, uuid.NewString())
}

// stagedFiles are those among the names that runs have given by stagedFile.
func (m imageModel) stagedFiles(kind string, names []string) []string {
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(m.Name.ValueString()+"-"+kind+"-") + `[0-9a-f]{8}\.part$`)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !pattern.MatchString(name) })
}

// checkFree refuses to overwrite a file under a name that the user chose and that is not before's,
// unless a staged file tells that a run was killed, which may have left half of its own there. A
// name that carries the content is nobody else's.
func (f bootFileModel) checkFree(there []string, killed bool, before *publishedFile) error {
	name := f.FileName.ValueString()
	if before != nil && before.Name == name || !slices.Contains(there, name) || killed {
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
	case errors.As(err, new(checksumError)):
		return path.Root(kind).AtName("checksum")
	case errors.As(err, new(injectError)):
		return path.Root(kind).AtName("inject")
	default:
		return path.Root("tftp_root")
	}
}

// Errors that are not the host's.
type (
	sourceError   struct{ error }
	cmdlineError  struct{ error }
	fileNameError struct{ error }
	checksumError struct{ error }
	injectError   struct{ error }
)

func (e sourceError) Unwrap() error { return e.error }

func (e cmdlineError) Unwrap() error { return e.error }

func (e checksumError) Unwrap() error { return e.error }

func (e injectError) Unwrap() error { return e.error }

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
	names, err := r.host.VolumeNames(ctx, m.root())
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
			found[kind] = &publishedFile{File: tftproot.File{Name: matching[0]}}
		}
	}
	return found, err
}

// findCommandLine writes into the state the command line that a kernel which is being imported carries.
func (r *imageResource) findCommandLine(ctx context.Context, m *imageModel, kernel *publishedFile, diags *diag.Diagnostics) error {
	if kernel == nil {
		return nil
	}
	var head image.Head
	if err := r.directory(*m).Read(ctx, kernel.Name, &head); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.Arch = types.StringValue(cmp.Or(head.Arch(), netboot.S390X))
	if cmdline, found := head.CommandLine(); found {
		file := newBootFile()
		file.Cmdline = types.StringValue(cmdline)
		m.setFile(ctx, "kernel", file, diags)
	}
	return nil
}
