package bootfiles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// kernelName matches the name of a kernel with a hash of its content, as File.name makes it.
var kernelName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+)-kernel-[0-9a-f]{12}$`) })

// ImageOf is the name of the image whose kernel has a file name; empty for any other file.
func ImageOf(fileName string) string {
	if match := kernelName().FindStringSubmatch(fileName); match != nil {
		return match[1]
	}
	return ""
}

// Find finds the files of an image by their names, by kind. It does not read their content, and does not find files with names
// that a user chose.
func Find(ctx context.Context, host interface {
	VolumeNames(ctx context.Context, pool string) ([]string, error)
}, root, imageName string) (Files, error) {
	names, err := host.VolumeNames(ctx, root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	found := Files{}
	for _, kind := range Kinds {
		matching := File{Image: imageName, Kind: kind}.matching(names, "[0-9a-f]{12}")
		if len(matching) > 1 {
			return nil, fmt.Errorf("there is more than one %s with that name: %s; remove the files that do not belong to the image", kind, strings.Join(matching, ", "))
		}
		if len(matching) == 1 {
			found[kind] = &Published{File: tftproot.File{Name: matching[0]}}
		}
	}
	return found, err
}

// matching are the names that consist of the file's prefix and text that matches a pattern.
func (f File) matching(names []string, rest string) []string {
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(f.prefix()) + rest + "$")
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !pattern.MatchString(name) })
}

// Files are the published files of an image, by kind.
type Files map[string]*Published

// Names are the names of the files.
func (f Files) Names() []string {
	var names []string
	for _, file := range f {
		names = append(names, file.Name)
	}
	return names
}

// Lacks are the given names that are not names of these files.
func (f Files) Lacks(names []string) []string {
	there := f.Names()
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(there, name) })
}
