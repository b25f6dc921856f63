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
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// publishedName matches the name of an image's file with a hash of its content, as File.name makes it.
var publishedName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(.+)-([^-]+)-[0-9a-f]{12}((\.tar)?\.[^.-]+)?$`)
})

// parse returns the image and the kind of file of a name that File.name made; empty for any other file.
func parse(fileName string) (imageName, kind string) {
	match := publishedName().FindStringSubmatch(fileName)
	if match == nil {
		return "", ""
	}
	imageName, label := match[1], match[2]+match[3]
	switch {
	case slices.Contains(Kinds, label):
		return imageName, label
	case CheckFurtherName(label) == nil:
		return imageName, Further(label)
	default:
		return "", ""
	}
}

// stagedName matches the name of a staged file, as newStaged makes it.
var stagedName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(.+)-[^-]+-[0-9a-f]{8}\.part$`) })

// StagedOf are those of the names that are names of staged files of an image. Runs that were killed left them, or still write them.
func StagedOf(imageName string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		match := stagedName().FindStringSubmatch(name)
		return match == nil || match[1] != imageName
	})
}

// IsNamedByContent tells whether the name of a published file contains the hash of its content.
func IsNamedByContent(file tftproot.File) bool {
	return len(file.SHA256) > 12 && strings.Contains(file.Name, "-"+file.SHA256[:12])
}

// ImageOf is the name of the image whose kernel has a file name; empty for any other file.
func ImageOf(fileName string) string {
	imageName, kind := parse(fileName)
	if kind != Kernel {
		return ""
	}
	return imageName
}

// Lister lists the files of a TFTP root.
type Lister interface {
	VolumeNames(ctx context.Context, pool string) ([]string, error)
}

// Find finds the files of an image by their names, by kind. It does not read their content, and does not find files with names
// that a user chose.
func Find(ctx context.Context, host Lister, root, imageName string) (Files, error) {
	return find(ctx, host, root, imageName, func(kind string, matching []string) (string, error) {
		return "", fmt.Errorf("there is more than one %s with that name: %s; remove the files that do not belong to the image", strings.TrimPrefix(kind, further), strings.Join(matching, ", "))
	})
}

// FindNewest is Find for an image that may have old files, which stay while something names them.
func FindNewest(ctx context.Context, host Lister, dir tftproot.Directory, root, imageName string) (Files, error) {
	return find(ctx, host, root, imageName, func(_ string, matching []string) (newest string, err error) {
		var made time.Time
		for _, name := range matching {
			info, err := dir.Stat(ctx, name)
			if err != nil {
				return "", err
			}
			if info.ModTime().After(made) {
				newest, made = name, info.ModTime()
			}
		}
		return newest, nil
	})
}

// find is Find, which asks choose if there are several files of a kind.
func find(ctx context.Context, host Lister, root, imageName string, choose func(kind string, matching []string) (string, error)) (Files, error) {
	names, err := host.VolumeNames(ctx, root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	of := map[string][]string{}
	for _, name := range names {
		if owner, kind := parse(name); owner == imageName && kind != "" {
			of[kind] = append(of[kind], name)
		}
	}
	found := Files{}
	for kind, matching := range of {
		name := matching[0]
		if len(matching) > 1 {
			if name, err = choose(kind, matching); err != nil {
				return nil, err
			}
		}
		found[kind] = &Published{File: tftproot.File{Name: name}}
	}
	return found, err
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
