package bootfiles

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
)

// Planned is what is known of a published file before its source is fetched.
type Planned struct {
	Name   string // under the TFTP root
	SHA256 string // empty if nothing is known
	Size   int64  // in bytes; 0 if it is not known
	Loader loader.File
	Limit  int // how long the command line of a kernel may be, see image.Head; 0 if it is not known
}

// Plan is what will be published of a file. before is its previous description, and published is what was published then. Both
// are nil for a new file.
func (s Sources) Plan(ctx context.Context, f File, before *Known, published *Published) (Planned, error) {
	injected, err := f.injectedDigest()
	isAsPublished := published != nil && f.is(before, published)
	var expected Planned
	stamp := f.stamp()
	if err == nil {
		isAsPublished = isAsPublished && published.Injected == injected
		if !isAsPublished || !published.isOf(stamp) {
			expected, err = s.expect(ctx, f)
		}
	}
	switch {
	case isAsPublished && errors.Is(err, fs.ErrNotExist):
		return f.planned(published.known()), nil // a source that is no longer needed may be missing; a destroy must work without it
	case err != nil:
		return Planned{}, err
	case isAsPublished && expected.SHA256 == "" && (stamp == "" || published.isOf(stamp)):
		return f.planned(published.known()), nil
	case published != nil && published.SHA256 == expected.SHA256:
		expected.Size = published.Size
		expected.Loader, expected.Limit = cmp.Or(expected.Loader, published.Loader), cmp.Or(expected.Limit, published.Limit)
		return f.planned(expected), nil
	default:
		return f.planned(expected), nil
	}
}

// planned adds the name to what is known of a file.
func (f File) planned(p Planned) Planned {
	if p.SHA256 != "" {
		p.Name = f.name(p.SHA256)
	}
	return p
}

// known is what is known of a published file.
func (p *Published) known() Planned {
	return Planned{SHA256: p.SHA256, Size: p.Size, Loader: p.Loader, Limit: p.Limit}
}

// is tells whether the file on the host is unchanged, and its description is the same as before.
func (f File) is(before *Known, published *Published) bool {
	return before != nil && before.SHA256 == published.SHA256 && f.Source == before.Source && f.describesAs(before.File)
}

// isOf tells whether the file was published from a local source with this stamp.
func (p *Published) isOf(stamp string) bool { return p.Stamp != "" && p.Stamp == stamp }

// expect is what can be known of the published file before its source is fetched: from the checksum in the configuration, or
// by reading local files.
func (s Sources) expect(ctx context.Context, f File) (Planned, error) {
	if slices.ContainsFunc(f.sources(), File.isVerifiedByList) {
		return Planned{}, nil
	}
	if !s.changes(f) && f.Checksum != "" {
		sum, err := image.ParseChecksum(f.Checksum)
		if err != nil || sum.Algorithm == "sha256" {
			return Planned{SHA256: sum.Hex}, err
		}
	}
	if slices.ContainsFunc(f.sources(), File.isWeb) {
		return Planned{}, nil
	}
	return s.read(ctx, f)
}

// isVerifiedByList tells whether the checksum is in a list, which only an apply reads.
func (f File) isVerifiedByList() bool {
	_, isList := image.ListOf(f.Checksum)
	return isList
}

// read reads everything that would be published.
func (s Sources) read(ctx context.Context, f File) (Planned, error) {
	content, err := s.open(ctx, f, "")
	if err != nil {
		return Planned{}, err
	}
	defer content.Close()
	size, err := io.Copy(io.Discard, content)
	return Planned{SHA256: content.SHA256(), Size: size, Loader: content.loader, Limit: content.limit()}, err
}

// ImportedSource is the prefix of the source that an import writes: the hash of the content, because the host does not know the
// source.
const ImportedSource = "sha256:"

// Confirms reads the source and tells whether it has exactly the content that was imported.
func (s Sources) Confirms(ctx context.Context, f File, imported *Known) bool {
	if imported == nil || !strings.HasPrefix(imported.Source, ImportedSource) || !f.describesAs(imported.File) {
		return false
	}
	read, err := s.read(ctx, f)
	return err == nil && read.SHA256 == imported.SHA256
}
