package image

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

// archived is a file in a tar archive that is read as the archive arrives. It reads the archive to the end, so that damage
// in the rest of the archive is noticed.
type archived struct {
	archive *tar.Reader
	rest    io.Reader // the source of the archive
	path    string
	size    int64
}

// ArchivePathError says that an archive does not have a file with a path, or has more than one.
type ArchivePathError struct{ why string }

func (e *ArchivePathError) Error() string { return e.why }

func wrongPath(format string, values ...any) error {
	return &ArchivePathError{fmt.Sprintf(format, values...)}
}

// findArchived reads an archive up to the file with a path. Names such as "./disk.raw" and "disk.raw" mean the same file.
func findArchived(content io.Reader, name string) (*archived, error) {
	buffered := bufio.NewReaderSize(content, diskHeadSize)
	head, err := buffered.Peek(diskHeadSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err := checkArchive(head); err != nil {
		return nil, err
	}
	a := &archived{archive: tar.NewReader(buffered), rest: buffered, path: inArchive(name)}
	var others []string
	for {
		header, err := a.archive.Next()
		switch {
		case err == io.EOF:
			return nil, a.missing(others)
		case err != nil:
			return nil, archiveError(err)
		case inArchive(header.Name) != a.path:
			if header.Typeflag == tar.TypeReg {
				others = append(others, header.Name)
			}
			continue
		}
		if err := checkArchived(header); err != nil {
			return nil, err
		}
		a.size = header.Size
		return a, nil
	}
}

// checkArchive refuses a file that is not a tar archive, by its first bytes.
func checkArchive(head []byte) error {
	if _, isArchive := firstInArchive(head); isArchive {
		return nil
	}
	if err := checkContent(head); err != nil {
		return fmt.Errorf("not an archive: %w", err)
	}
	if f := foreignIn(head, foreignFiles); f != nil {
		return fmt.Errorf("not a tar archive: it is %s; %s", f.what, f.remedy)
	}
	return wrongPath("it is not a tar archive or a Debian package: remove archive_path")
}

// openArchive unpacks an archive: a tar file, which may be packed, or the files of a Debian package. kind is the packing of the
// tar file, "" for none. Close does not close content.
func openArchive(ctx context.Context, content io.Reader) (archive io.ReadCloser, kind string, err error) {
	unpacked, kind, err := Decompress(ctx, content, math.MaxInt64) // only a part of it is used
	if err != nil || kind != "" {
		return unpacked, kind, err
	}
	buffered := bufio.NewReader(unpacked)
	head, err := buffered.Peek(len(arMagic))
	if err != nil && err != io.EOF {
		return nil, "", err
	}
	if string(head) != arMagic {
		return io.NopCloser(buffered), "", nil
	}
	data, err := debData(buffered)
	if err != nil {
		return nil, "", err
	}
	return Decompress(ctx, data, math.MaxInt64)
}

// InArchive returns a file in an archive: a tar file, which may be packed, or a Debian package. It reads content to its end, so
// that a Verify below it can report a mismatch. Close does not close content.
func InArchive(ctx context.Context, content io.Reader, path string) (io.ReadCloser, error) {
	archive, _, err := openArchive(ctx, content)
	if err != nil {
		return nil, err
	}
	file, err := findArchived(archive, path)
	if err != nil {
		_ = archive.Close()
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{file, archive}, nil
}

// SmallInArchive returns those files in an archive that have at most limit bytes, by the paths that are given. It reads content to its
// end. A path that is not the path of exactly one regular file is missing in the result.
func SmallInArchive(ctx context.Context, content io.Reader, paths []string, limit int64) (map[string][]byte, error) {
	unpacked, _, err := openArchive(ctx, content)
	if err != nil {
		return nil, err
	}
	defer unpacked.Close()
	found, seen := map[string][]byte{}, map[string]int{}
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if err == io.EOF {
			_, err := io.Copy(io.Discard, unpacked)
			return onceIn(found, paths, seen), err
		}
		if err != nil {
			return nil, archiveError(err)
		}
		name := inArchive(header.Name)
		seen[name]++
		isWanted := slices.ContainsFunc(paths, func(path string) bool { return inArchive(path) == name })
		if !isWanted || checkArchived(header) != nil || header.Size > limit {
			continue
		}
		if found[name], err = io.ReadAll(archive); err != nil {
			return nil, archiveError(err)
		}
	}
}

// onceIn are the files that an archive has once, by the paths that were given.
func onceIn(found map[string][]byte, paths []string, seen map[string]int) map[string][]byte {
	files := map[string][]byte{}
	for _, path := range paths {
		if file, exists := found[inArchive(path)]; exists && seen[inArchive(path)] == 1 {
			files[path] = file
		}
	}
	return files
}

// inArchive is a path in an archive, in the form in which paths are compared.
func inArchive(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

// checkArchived refuses an entry of an archive that is not a regular file.
func checkArchived(header *tar.Header) error {
	switch header.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		return nil
	case tar.TypeSymlink, tar.TypeLink:
		return wrongPath("%q in the archive is a link to %q: set archive_path to the file itself", header.Name, header.Linkname)
	default:
		return wrongPath("%q in the archive is not a file: set archive_path to a file", header.Name)
	}
}

// shownArchived is the number of files of an archive that an error names.
const shownArchived = 10

func (a *archived) missing(others []string) error {
	if len(others) == 0 {
		return wrongPath("the archive has no file %q, and no other file either", a.path)
	}
	more := ""
	if len(others) > shownArchived {
		more = fmt.Sprintf(" and %d more", len(others)-shownArchived)
		others = others[:shownArchived]
	}
	return wrongPath("the archive has no file %q: set archive_path to one of the files that it has: %q%s", a.path, others, more)
}

// Read implements io.Reader.
func (a *archived) Read(p []byte) (int, error) {
	n, err := a.archive.Read(p)
	switch {
	case err == io.EOF:
		err = a.finish()
	case err != nil:
		err = archiveError(err)
	}
	return n, err
}

// finish reads what follows the file. It returns io.EOF, or an error that says what is wrong.
func (a *archived) finish() error {
	for {
		header, err := a.archive.Next()
		switch {
		case err == io.EOF:
			_, err = io.Copy(io.Discard, a.rest)
			if err == nil {
				err = io.EOF
			}
			return err
		case err != nil:
			return archiveError(err)
		case inArchive(header.Name) == a.path:
			return wrongPath("the archive has %q twice: unpack it, and give the file that you need", a.path)
		}
	}
}

// archiveError says what is wrong with an archive. It returns errors of the source unchanged.
func archiveError(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader):
		return errors.New("the tar archive is damaged: check that the source is complete")
	case err == io.ErrUnexpectedEOF:
		return errors.New("the tar archive is incomplete: check that the source is complete")
	default:
		return err
	}
}
