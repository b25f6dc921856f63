package image

import (
	"errors"
	"io"
	"syscall"
)

// seekData is SEEK_DATA of lseek(2).
const seekData = 3

// SkipHole passes over the hole that begins here, and returns its length. A file system that knows of
// no holes has none.
func (f *sparseFile) SkipHole() (int64, error) {
	data, err := f.Seek(f.at, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO): // nothing but a hole up to the end
		data, err = f.Seek(0, io.SeekEnd)
	case err != nil:
		data, err = f.Seek(f.at, io.SeekStart)
	}
	skipped := data - f.at
	f.at = data
	return max(skipped, 0), err
}
