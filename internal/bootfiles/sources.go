package bootfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/initrd"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
)

// Sources are the sources of the files of an image.
type Sources struct {
	image.Client
	Signing  *image.Signing // nil if lists need no signature
	Arch     string         // of the kernel
	Manifest *Manifest      // the manifest that names the files; nil if the user names them
	Members  Members        // files of archives that are unpacked once; nil if each file is read by itself
}

// Manifest is an .ins file that describes an image.
type Manifest struct {
	image.Location
	Checksum string // file: and the URL of a list; empty for none
}

// Read reads the manifest and describes the kernel and the initrd that it names; initrd is nil if it names none.
func (m Manifest) Read(ctx context.Context, client image.Client, imageName string) (kernel, initrd *File, cmdline string, err error) {
	read, err := client.ReadINS(ctx, m.Location)
	if err != nil {
		return nil, nil, "", err
	}
	describe := func(kind string, at image.Location) *File {
		if at == (image.Location{}) {
			return nil
		}
		// A plan shows these values even if the URL of the manifest is sensitive, so they must not contain its credentials.
		return &File{Image: imageName, Kind: kind, Source: image.WithoutAccess(at.Source), ISOPath: at.ISOPath, Checksum: image.WithoutAccess(m.Checksum)}
	}
	return describe(Kernel, read.Kernel), describe(Initrd, read.Initrd), read.CommandLine, nil
}

// check checks the first bytes of a file, before anything is sent to the host. The reader that it returns reads the whole content.
func (s Sources) check(kind string, content io.Reader) (io.Reader, loader.File, error) {
	if kind == Fixed {
		return recognize(content)
	}
	checkHead := image.CheckFile
	switch kind {
	case Kernel:
		checkHead = func(head []byte) error { return image.CheckKernelOf(s.Arch, head) }
	case Initrd:
		checkHead = image.CheckInitrd
	}
	checked, err := image.Sniff(content, checkHead)
	return checked, loader.File{}, err
}

// recognize is check for a file with a fixed name.
func recognize(content io.Reader) (io.Reader, loader.File, error) {
	head, err := io.ReadAll(io.LimitReader(content, loader.HeadSize))
	if err == nil {
		err = image.CheckFile(head)
	}
	if err != nil {
		return nil, loader.File{}, err
	}
	return io.MultiReader(bytes.NewReader(head), content), loader.Recognize(head), nil
}

// checksum is the checksum of the source in the description of a file.
func (s Sources) checksum(ctx context.Context, f File) (image.Checksum, error) {
	reference := f.Checksum
	if s.isOfManifest(f) {
		reference = s.Manifest.Checksum
	}
	sum, err := s.Checksum(ctx, reference, f.Source, s.Signing)
	return sum, about("checksum", err)
}

// isOfManifest tells whether the manifest names the file.
func (s Sources) isOfManifest(f File) bool {
	return s.Manifest != nil && slices.Contains(Kinds, f.Kind)
}

// changes tells whether the published file may differ from the source.
func (s Sources) changes(f File) bool {
	return f.ArchivePath != "" || len(f.Parts) > 0 || f.Cmdline != nil || f.Inject != nil || f.Kind == Kernel && image.IsRewritten(s.Arch)
}

// promised is the checksum that the source must have: the one that the user sets, or the one that the plan found if the source
// is published unchanged.
func (s Sources) promised(ctx context.Context, f File, planned string) (image.Checksum, error) {
	switch {
	case f.Checksum != "":
		return s.checksum(ctx, f)
	case s.changes(f):
		return image.Checksum{}, nil
	default:
		return sha256Of(planned), nil
	}
}

// outcome is the checksum that the published file must have.
func (s Sources) outcome(ctx context.Context, f File, planned string) (image.Checksum, error) {
	if s.changes(f) {
		return sha256Of(planned), nil
	}
	return s.promised(ctx, f, planned)
}

// sha256Of is a checksum with the given digits; the zero value if there are none.
func sha256Of(digits string) image.Checksum {
	if digits == "" {
		return image.Checksum{}
	}
	return image.Checksum{Algorithm: "sha256", Hex: digits}
}

// content is the stream of a boot file from its source. A file whose first bytes show that it is not such a file cannot be
// opened. A stream that is incomplete, or does not have the promised checksum, ends with an error.
type content struct {
	*image.Digest
	io.Closer
	name   string      // of the source, for messages
	loader loader.File // what a file with a fixed name is
	head   *image.Head // of a kernel; nil for another file
}

// Read implements io.Reader.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.Digest.Read(p)
	if c.head != nil {
		_, _ = c.head.Write(p[:n]) // it never fails
	}
	if err != nil && err != io.EOF && !errors.As(err, new(*Error)) {
		err = about("source", err)
	}
	return n, err
}

// limit is how long the command line of a kernel may be that was read; 0 if it is not known.
func (c *content) limit() int {
	if c.head == nil {
		return 0
	}
	return c.head.Limit()
}

// open opens the source of a file, changes a kernel for its firmware, and adds the command line or the injected files. planned is the
// SHA-256 of the published file, if the plan found it.
func (s Sources) open(ctx context.Context, f File, planned string) (*content, error) {
	open := s.openSource
	if len(f.Parts) > 0 {
		open = s.openParts
	}
	source, err := open(ctx, f, planned)
	if err != nil {
		return nil, err
	}
	var head *image.Head
	if f.Kind == Kernel {
		head = &image.Head{}
	}
	if !s.changes(f) {
		source.head = head
		return source, nil
	}
	changed, err := s.change(f, source)
	if err != nil {
		source.Close()
		return nil, err
	}
	return &content{image.Verify(changed, sha256Of(planned), source.name+" as it is published"), source.Closer, source.name, source.loader, head}, nil
}

// openSource opens the source of a file.
func (s Sources) openSource(ctx context.Context, f File, planned string) (*content, error) {
	promised, err := s.promised(ctx, f, planned)
	if err != nil {
		return nil, err
	}
	return s.verified(ctx, f, promised)
}

// openParts opens an initrd of several parts.
func (s Sources) openParts(ctx context.Context, f File, _ string) (*content, error) {
	var parts []initrd.Part
	for _, part := range f.Parts {
		parts = append(parts, func() (io.ReadCloser, error) {
			opened, err := s.open(ctx, part, "")
			if err != nil {
				return nil, err
			}
			return opened, nil
		})
	}
	joined, err := initrd.Join(parts)
	if err != nil {
		return nil, about("parts", err)
	}
	const name = "the initrd of several parts"
	return &content{image.Verify(aboutParts{joined}, image.Checksum{}, name), joined, name, loader.File{}, nil}, nil
}

// aboutParts makes each error an error of the attribute parts.
type aboutParts struct{ io.Reader }

// Read implements io.Reader.
func (a aboutParts) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != io.EOF {
		err = about("parts", err)
	}
	return n, err
}

// verified is the content of a source, which must have the promised checksum.
func (s Sources) verified(ctx context.Context, f File, promised image.Checksum) (*content, error) {
	if member, archive, found := s.member(ctx, f, promised); found {
		return s.fromArchive(f, io.NopCloser(bytes.NewReader(member)), archive)
	}
	stream, err := s.stream(ctx, f)
	if err != nil {
		return nil, about("source", err)
	}
	source, err := s.verifiedStream(ctx, f, stream, promised)
	if err != nil {
		stream.Close()
	}
	return source, err
}

// verifiedStream is the content of a stream: the stream itself, or a file in the archive that it is. Closing it closes the stream.
func (s Sources) verifiedStream(ctx context.Context, f File, stream *image.Stream, promised image.Checksum) (*content, error) {
	if f.ArchivePath == "" {
		checked, kind, err := s.check(f.Kind, stream)
		if err != nil {
			return nil, about("source", fmt.Errorf("unable to use %s: %w", stream.Source, err))
		}
		return &content{image.Verify(checked, promised, stream.Source), stream, stream.Source, kind, nil}, nil
	}
	file, err := image.InArchive(ctx, image.Verify(stream, promised, stream.Source), f.ArchivePath)
	if err != nil {
		return nil, aboutArchive(fmt.Errorf("unable to use %s: %w", stream.Source, err))
	}
	source, err := s.fromArchive(f, file, stream.Source)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	source.Closer = image.Closers{file, stream}
	return source, nil
}

// fromArchive checks a file out of an archive.
func (s Sources) fromArchive(f File, file io.ReadCloser, archive string) (*content, error) {
	checked, kind, err := s.check(f.Kind, file)
	if err != nil {
		return nil, aboutArchive(fmt.Errorf("unable to use %s in %s: %w", f.ArchivePath, archive, err))
	}
	return &content{image.Verify(checked, image.Checksum{}, archive), file, archive, kind, nil}, nil
}

// stream opens the source of a file as it is.
func (s Sources) stream(ctx context.Context, f File) (*image.Stream, error) {
	if f.Content != nil {
		return &image.Stream{ReadCloser: io.NopCloser(strings.NewReader(*f.Content)), Source: "content", Size: int64(len(*f.Content))}, nil
	}
	if strings.HasPrefix(f.Source, ImportedSource) {
		return nil, fmt.Errorf("%q is what an import writes, because the host does not know where the file came from; replace it by the URL or the path of the source", f.Source)
	}
	at := image.Location{Source: f.Source, ISOPath: f.ISOPath}
	if s.isOfManifest(f) {
		at.Source = image.WithAccess(at.Source, s.Manifest.Source)
	}
	return s.OpenAt(ctx, at)
}

// aboutArchive tells a wrong path in an archive from a wrong archive.
func aboutArchive(err error) error {
	if errors.As(err, new(*image.ArchivePathError)) {
		return about("archive_path", err)
	}
	return about("source", err)
}

// change is the source as the firmware boots it, with its command line, or with the files that are added to it.
func (s Sources) change(f File, source io.Reader) (io.Reader, error) {
	if f.Kind == Kernel {
		kernel, err := image.ForFirmware(s.Arch, source, f.Cmdline)
		if f.Cmdline == nil {
			return kernel, about("source", err)
		}
		return kernel, about("cmdline", err)
	}
	if f.Inject == nil {
		return source, nil
	}
	files, err := f.injected()
	if err != nil {
		return nil, err
	}
	injected, err := initrd.Inject(source, files)
	return injected, about("inject", err)
}
