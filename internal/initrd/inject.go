// Package initrd joins initrds, and adds files to an initrd, without unpacking it. The kernel unpacks every
// archive that it finds in the initrd, one after the other, whatever compression each archive has. So the
// files go into a separate archive, after the existing content.
//
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
package initrd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Inject returns a reader of the initrd with the files added. It returns the same bytes for the same
// content. Inject itself reads only the first bytes of the initrd.
//
// The reader fails if reading the initrd or a file fails, and if a file does not have its given size. The
// caller must close it, unless it was read to the end or to an error. The initrd stays open.
//
// The error joins what Validate finds, is an error of reading the initrd, or says why the kernel would not
// find the files in it.
func Inject(initrd io.Reader, files []File) (io.ReadCloser, error) {
	if err := Validate(files); err != nil {
		return nil, err
	}
	original := bufio.NewReaderSize(initrd, 16)
	if err := checkFormat(original); err != nil {
		return nil, err
	}
	s := &stream{initrd: original}
	for i, e := range entries(files) {
		s.archive = append(s.archive, strings.NewReader(e.header(i+1)))
		if e.mode&regular != 0 {
			c := &content{file: e.file}
			s.archive = append(s.archive, c, strings.NewReader(padding(e.file.Size)))
			s.contents = append(s.contents, c)
		}
	}
	return s, nil
}

// Size is the size of an initrd with this number of bytes after the files are added.
func Size(initrd int64, files []File) int64 {
	size := initrd + int64(len(gap(initrd)))
	for i, e := range entries(files) {
		size += int64(len(e.header(i+1))) + e.file.Size + int64(len(padding(e.file.Size)))
	}
	return size
}

// The first bytes of an archive, or of a packed archive. The kernel knows neither the later format of lz4
// nor the image of a file system here.
//
// Linux init/initramfs.c do_header(), and lib/decompress.c, compressed_formats.
var formats = []string{
	"070701", "070702",
	"\x1f\x8b", "\x1f\x9e", "BZ", "\x5d\x00", "\xfd7", "\x89L", "\x02\x21", "\x28\xb5",
}

// checkFormat refuses an initrd after which the kernel does not look for another archive.
func checkFormat(initrd *bufio.Reader) error {
	head, err := initrd.Peek(len(formats[0]))
	if err != nil && err != io.EOF {
		return err
	}
	if !slices.ContainsFunc(formats, func(f string) bool { return strings.HasPrefix(string(head), f) }) {
		return fmt.Errorf("nothing can be added to an initrd that begins with %q: it is neither a cpio archive (newc) nor a cpio archive packed with gzip, bzip2, lzma, xz, lzo, lz4 (legacy) or zstd", head)
	}
	return nil
}

// stream is an initrd, then a gap, then an archive.
type stream struct {
	initrd   io.Reader
	size     int64 // of the part of the initrd that was read
	archive  []io.Reader
	contents []*content // of the archive
	rest     io.Reader  // gap and archive, once the initrd has ended
}

func (s *stream) Read(p []byte) (int, error) {
	if s.rest == nil {
		n, err := s.initrd.Read(p)
		s.size += int64(n)
		if err != io.EOF {
			return n, err
		}
		s.rest = io.MultiReader(slices.Insert(s.archive, 0, io.Reader(strings.NewReader(gap(s.size))))...)
		if n > 0 {
			return n, nil
		}
	}
	return s.rest.Read(p)
}

func (s *stream) Close() error {
	var errs []error
	for _, c := range s.contents {
		errs = append(errs, c.close(os.ErrClosed))
	}
	return errors.Join(errs...)
}

// content reads a file once, and fails if the file does not have exactly its size.
type content struct {
	file File
	open io.ReadCloser // from the first to the last byte
	read int64
	err  error // why there is no more to read
}

func (c *content) Read(p []byte) (int, error) {
	if c.err == nil && c.open == nil {
		c.open, c.err = c.file.Open()
	}
	if c.err != nil {
		return 0, c.failure(c.err)
	}
	n, err := c.open.Read(p)
	c.read += int64(n)
	switch excess := c.read - c.file.Size; {
	case excess > 0:
		n -= int(excess)
		err = fmt.Errorf("it has more than the given %d bytes", c.file.Size)
	case excess < 0 && err == io.EOF:
		err = fmt.Errorf("it has %d bytes, not the given %d", c.read, c.file.Size)
	}
	if err != nil {
		_ = c.close(err) // no more of it is needed
	}
	return n, c.failure(err)
}

// failure names the file in an error.
func (c *content) failure(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("unable to add %s to the initrd: %w", c.file.Path, err)
}

// close makes every further Read fail with the error.
func (c *content) close(err error) error {
	open := c.open
	c.open, c.err = nil, err
	if open == nil {
		return nil
	}
	return open.Close()
}
