package image

import (
	"errors"
	"io"
	"syscall"
)

// seekData is SEEK_DATA of lseek(2).
const seekData = 3

// SkipHole skips the hole that begins at the current position, and returns its length. It is 0 on a file
// system that does not support holes.
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
