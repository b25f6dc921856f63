package image

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
)

// isoFile is an ISO 9660 image, on this machine or on a server.
type isoFile interface {
	io.ReaderAt
	io.Closer
	size() int64 // -1 if unknown

	// open returns the content of a section. Closing it closes the image.
	open(offset, size int64) (io.ReadCloser, error)
}

// OpenInISO opens the file with this path in an ISO 9660 image. If the image is on a server that supports
// ranges, it reads only the directories on the way to the file, and the file. Otherwise it reads everything
// up to the end of the file. The stream fails once ctx is done.
func (c Client) OpenInISO(ctx context.Context, source, path string) (*Stream, error) {
	file, shown, err := c.openISO(ctx, source)
	if err != nil {
		return nil, err
	}
	stream, err := openIn(file, path)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("unable to read %s in the ISO image %s: %w", path, shown, err)
	}
	stream.Source = path + " in " + shown
	return stream, nil
}

// openISO returns the image, and how messages may show its source.
func (c Client) openISO(ctx context.Context, source string) (file isoFile, shown string, err error) {
	path, u, err := parseSource(source)
	if err != nil {
		return nil, "", err
	}
	if u != nil {
		file, err = c.openRemote(ctx, u)
		return file, redactedURL(u), err
	}
	local, info, err := openLocal(path)
	return localFile{local, info}, path, err
}

func openIn(file isoFile, path string) (*Stream, error) {
	image, err := iso9660.Open(file, file.size())
	if err != nil {
		return nil, err
	}
	at, err := image.Find(path)
	if err != nil {
		return nil, err
	}
	content, err := file.open(at.Offset, at.Size)
	if err != nil {
		return nil, err
	}
	return &Stream{ReadCloser: content, Size: at.Size}, nil
}

// localFile is an image on this machine.
type localFile struct {
	*os.File
	info os.FileInfo
}

func (f localFile) size() int64 { return f.info.Size() }

func (f localFile) open(offset, size int64) (io.ReadCloser, error) {
	return &decoded{io.NewSectionReader(f, offset, size), f}, nil
}

// ReadAt implements io.ReaderAt, except that a file that is too short is always an error: it was cut while it was read.
func (f localFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	if err == io.EOF && n < len(p) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
