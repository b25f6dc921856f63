// Package initrd puts files into an initrd, without unpacking it: the kernel unpacks every archive that
// it finds there, one after the other, whatever each is compressed with. So the files go into an
// archive of their own, behind what is there.
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

// Inject returns a reader of the initrd with the files in it, which always has the same bytes for the
// same content. Nothing is read before it is asked for but the initrd's first bytes.
//
// The reader fails as the initrd and the files do, and when a file does not have the size that it was
// given with. To close it is needed where it was not read to the end or an error; the initrd stays open.
//
// The error joins what Validate finds, is one of reading the initrd, or says why the kernel would not
// find the files there.
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

// Size is the size of an initrd of so many bytes with the files in it.
func Size(initrd int64, files []File) int64 {
	size := initrd + int64(len(gap(initrd)))
	for i, e := range entries(files) {
		size += int64(len(e.header(i+1))) + e.file.Size + int64(len(padding(e.file.Size)))
	}
	return size
}

// How an archive begins, or what it is packed in. Neither the later format of lz4 nor the image of a
// file system is among what the kernel knows.
//
// Linux init/initramfs.c do_header(), and lib/decompress.c, compressed_formats.
var formats = []string{
	"070701", "070702",
	"\x1f\x8b", "\x1f\x9e", "BZ", "\x5d\x00", "\xfd7", "\x89L", "\x02\x21", "\x28\xb5",
}

// checkFormat refuses an initrd behind which the kernel looks for no archive.
func checkFormat(initrd *bufio.Reader) error {
	head, err := initrd.Peek(len(formats[0]))
	if err != nil && err != io.EOF {
		return err
	}
	if !slices.ContainsFunc(formats, func(f string) bool { return strings.HasPrefix(string(head), f) }) {
		return fmt.Errorf("files cannot be put into an initrd that begins with %q: it is neither a cpio archive (newc) nor one packed by gzip, bzip2, lzma, xz, lzo, lz4 (legacy) or zstd", head)
	}
	return nil
}

// stream is an initrd, then a gap, then an archive.
type stream struct {
	initrd   io.Reader
	size     int64 // of the initrd as far as it was read
	archive  []io.Reader
	contents []*content // those in the archive
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

// content reads a file once, and has just its size or fails.
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
		err = fmt.Errorf("it has more than the %d bytes that it was given with", c.file.Size)
	case excess < 0 && err == io.EOF:
		err = fmt.Errorf("it has %d bytes, and was given with %d", c.read, c.file.Size)
	}
	if err != nil {
		_ = c.close(err) // of which nothing more is wanted
	}
	return n, c.failure(err)
}

// failure names the file in an error.
func (c *content) failure(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return fmt.Errorf("unable to put %s into the initrd: %w", c.file.Path, err)
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
