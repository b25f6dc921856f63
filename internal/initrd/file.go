package initrd

import (
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"
)

// File is a file to add to an initrd. Its owner is root. It replaces an existing file with the same path.
type File struct {
	Path string                        // as the guest has it, such as /preseed.cfg
	Mode uint32                        // permissions as chmod(1) has them, such as 0o644 or 0o4755
	Size int64                         // in bytes
	Open func() (io.ReadCloser, error) // opens the content, which has exactly that size
}

const (
	// The kernel ignores an entry with a longer name, without a message: Linux init/initramfs.c do_header(),
	// "name_len > PATH_MAX", which includes a NUL.
	maxName = 4096 - 1
	maxPart = 255 // NAME_MAX

	maxSize        = math.MaxUint32 // the largest number with eight hexadecimal digits
	maxPermissions = 0o7777
)

// Validate refuses a file that cannot be in an archive, or that the kernel would not unpack from it.
func (f File) Validate() error {
	if err := checkPath(f.Path); err != nil {
		return fmt.Errorf("path %.60q %w", f.Path, err)
	}
	switch {
	case f.Mode > maxPermissions:
		return fmt.Errorf("mode %#o of %.60q has more than permissions; write a mode such as 0644 or 4755", f.Mode, f.Path)
	case f.Size < 0 || f.Size > maxSize:
		return fmt.Errorf("size of %.60q is %d bytes; an archive can hold files of 0 to %d bytes", f.Path, f.Size, maxSize)
	default:
		return nil
	}
}

// checkPath returns an error that continues a sentence after the path.
func checkPath(p string) error {
	name, absolute := strings.CutPrefix(p, "/")
	switch {
	case !absolute:
		return errors.New("does not begin with a slash; write it as the guest has it, such as /preseed.cfg")
	case name == "":
		return errors.New("names no file; write a path such as /preseed.cfg")
	case path.Clean(p) != p:
		return fmt.Errorf(`has an empty part, "." or "..", or ends with a slash; write it without, such as %.60q`, path.Clean(p))
	case strings.Contains(p, "\x00"):
		return errors.New("has a NUL character, at which the path ends for the kernel; remove it")
	case name == trailer:
		return errors.New("is the name that ends an archive; use another name")
	case len(name) > maxName:
		return fmt.Errorf("has %d bytes after the slash; the kernel accepts at most %d", len(name), maxName)
	case slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > maxPart }):
		return fmt.Errorf("has a part of more than %d bytes, which is the maximum for a file name; shorten it", maxPart)
	default:
		return nil
	}
}

// Validate refuses files that cannot be together in an initrd. The error joins the errors of all files.
func Validate(files []File) error {
	var errs []error
	paths := map[string]bool{}
	for _, f := range files {
		errs = append(errs, f.Validate())
		if paths[f.Path] {
			errs = append(errs, fmt.Errorf("path %.60q is given twice; remove one of the files", f.Path))
		}
		paths[f.Path] = true
	}
	for _, f := range files {
		for _, dir := range directories(f.Path) {
			if file := dir[:len(dir)-1]; file != "" && paths[file] {
				errs = append(errs, fmt.Errorf("path %.60q is a file, and also the directory of %.60q; change one of the paths", file, f.Path))
			}
		}
	}
	return errors.Join(errs...)
}

// directories returns the directories above a file, from the top. Each ends with a slash.
func directories(file string) []string {
	var all []string
	for i, c := range []byte(file) {
		if c == '/' {
			all = append(all, file[:i+1])
		}
	}
	return all
}
