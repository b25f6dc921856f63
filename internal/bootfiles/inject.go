package bootfiles

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/initrd"
)

// injected are the files that are added to an initrd, in the order of their paths.
func (f File) injected() ([]initrd.File, error) {
	var files []initrd.File
	for _, path := range slices.Sorted(maps.Keys(f.Inject)) {
		file, err := f.Inject[path].file(path)
		if err != nil {
			return nil, about("inject", err)
		}
		files = append(files, file)
	}
	return files, about("inject", initrd.Validate(files))
}

func (i Injected) file(path string) (initrd.File, error) {
	file := initrd.File{Path: path, Mode: 0o644}
	if i.Mode != "" {
		mode, err := strconv.ParseUint(i.Mode, 8, 32)
		if err != nil {
			return initrd.File{}, err
		}
		file.Mode = uint32(mode)
	}
	if i.Source == "" {
		file.Size = int64(len(i.Content))
		file.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(i.Content)), nil }
		return file, nil
	}
	info, err := os.Stat(i.Source)
	if err != nil {
		return initrd.File{}, err
	}
	if !info.Mode().IsRegular() {
		return initrd.File{}, fmt.Errorf("%q is not a regular file", i.Source)
	}
	file.Size = info.Size()
	file.Open = func() (io.ReadCloser, error) { return os.Open(i.Source) }
	return file, nil
}

// injectedDigest identifies a set of injected files; it is empty if there are none.
func (f File) injectedDigest() (string, error) {
	if f.Inject == nil {
		return "", nil
	}
	files, err := f.injected()
	if err != nil {
		return "", err
	}
	archive, err := initrd.Inject(strings.NewReader(image.EmptyInitrd), files)
	if err != nil {
		return "", about("inject", err)
	}
	defer archive.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, archive); err != nil {
		return "", about("inject", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
