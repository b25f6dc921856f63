// Package bootfiles publishes files under a TFTP root: the kernel and the initrd of a boot image, and files with fixed names, such
// as boot loaders. It decides which files are published under which names, and finds the existing ones.
//
// It depends on neither Terraform nor libvirt: a host is anything that implements Host.
package bootfiles

import (
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Kinds of files. Those of an image are names of attributes and parts of file names. A further file of an image has the kind that
// Further returns.
const (
	Kernel = "kernel"
	Initrd = "initrd"
	Fixed  = "file" // with a fixed name, which a boot loader or firmware expects
)

// Kinds are the kinds of files that an image has, without its further files.
var Kinds = []string{Kernel, Initrd}

// further is the prefix of the kind of a further file. A slash cannot be in its name.
const further = "files/"

// Further is the kind of a further file of an image, such as root.squashfs.
func Further(name string) string { return further + name }

// FurtherName is the name of a further file of an image, and whether a kind is one.
func FurtherName(kind string) (name string, isFurther bool) { return strings.CutPrefix(kind, further) }

// File is a file as a user describes it. A field is empty if it is not set.
type File struct {
	Image       string // name of the image
	Kind        string
	Source      string  // URL, or path on this machine
	Content     *string // used instead of Source
	ISOPath     string  // path in the ISO image; Source is then the ISO image
	ArchivePath string  // path in the archive; Source is then a tar file or a Debian package
	Checksum    string  // of the source, as image.CheckReference accepts it
	FileName    string  // used instead of a name that contains the hash of the content
	Cmdline     *string // command line to write into a kernel, may be empty; nil for none
	Parts       []File  // of an initrd, in their order, used instead of Source
	Inject      map[string]Injected
}

// FixedFile is a file with a fixed name.
func FixedFile(name string) File { return File{Image: name, Kind: Fixed, FileName: name} }

// Injected is a file that is added to an initrd.
type Injected struct {
	Content string
	Source  string // path on this machine, used instead of Content
	Mode    string // octal digits; empty is 0644
}

// Known is a file that was planned or published before, with its hash on the host.
type Known struct {
	File
	SHA256 string
}

// Published is what is stored about a published file.
type Published struct {
	tftproot.File
	Injected string `json:",omitempty"` // digest of the files that were added to an initrd
	Stamp    string `json:",omitempty"` // of the source
	Limit    int    `json:",omitempty"` // how long the command line of a kernel may be; 0 if it is not known
	Found    bool   `json:",omitempty"` // a file with this fixed name was on the host before, with the same content

	// Loader is what a file with a fixed name is; its Kind is empty if its content was not read.
	Loader loader.File `json:",omitzero"`
}

// name is the name of the file under the TFTP root. It contains a hash of the content, unless the user has chosen a name.
func (f File) name(sha256 string) string {
	if f.FileName != "" {
		return f.FileName
	}
	stem, extension := f.label()
	return fmt.Sprintf("%s-%s-%.12s%s", f.Image, stem, sha256, extension)
}

// label is what tells the files of an image apart. The extension of a further file, with its dot, is the end of the published name as
// well, because systems such as live-boot decide by it what a file is.
func (f File) label() (stem, extension string) {
	name, isFurther := FurtherName(f.Kind)
	if !isFurther {
		return f.Kind, ""
	}
	stem = strings.TrimSuffix(strings.TrimSuffix(name, path.Ext(name)), ".tar")
	return stem, strings.TrimPrefix(name, stem)
}

// CheckFurtherName accepts the name of a further file. It has no dash, so that the name of an image and that of its file can be told
// apart in the name of the published file.
func CheckFurtherName(name string) error {
	stem, _ := File{Kind: Further(name)}.label()
	switch {
	case !furtherNames().MatchString(name):
		return fmt.Errorf("%q is not the name of a file, such as root.squashfs: letters, digits, dots and underscores; it begins with a letter or a digit", name)
	case len(name) > maxFurtherName:
		return fmt.Errorf("the name has %d bytes; it can have at most %d", len(name), maxFurtherName)
	case slices.Contains(Kinds, stem):
		return fmt.Errorf("%q is the name of the attribute for this file; use another name", stem)
	default:
		return nil
	}
}

var furtherNames = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.]*[A-Za-z0-9_])?$`) })

// maxFurtherName leaves room for the name of the image, which is part of the file's name too.
const maxFurtherName = 50

// prefix is the prefix of the names of staged files.
func (f File) prefix() string {
	stem, extension := f.label()
	return f.Image + "-" + stem + extension + "-"
}

// sources are the files that the published file is made of, without injected files.
func (f File) sources() []File {
	if len(f.Parts) > 0 {
		return f.Parts
	}
	return []File{f}
}

// isWeb tells whether the source is on a web server or an FTP server. A plan does not fetch such a source, but reads other sources.
func (f File) isWeb() bool {
	scheme, _, isURL := strings.Cut(strings.ToLower(f.Source), "://")
	return isURL && slices.Contains([]string{"http", "https", "ftp"}, scheme)
}

// describesAs tells whether the descriptions of two files are the same, except for the source.
func (f File) describesAs(other File) bool {
	samePart := func(a, b File) bool { return a.Source == b.Source && a.describesAs(b) }
	return slices.EqualFunc(f.Parts, other.Parts, samePart) && f.ISOPath == other.ISOPath && f.ArchivePath == other.ArchivePath && f.Checksum == other.Checksum && f.FileName == other.FileName &&
		equal(f.Content, other.Content) && equal(f.Cmdline, other.Cmdline) && maps.Equal(f.Inject, other.Inject)
}

func equal(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// stamp identifies the version of a local source by its size and modification time, so that a plan does not read an unchanged
// source again. It is empty for any other source.
func (f File) stamp() string {
	if len(f.Parts) > 0 {
		return stampOf(f.Parts)
	}
	if strings.Contains(f.Source, "://") {
		return ""
	}
	info, err := os.Stat(f.Source)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// stampOf is the stamp of several sources, of which some can be on web servers. It is empty if a local source has none.
func stampOf(parts []File) string {
	var stamps []string
	for _, part := range parts {
		stamp := part.stamp()
		if stamp == "" && !part.isWeb() {
			return ""
		}
		stamps = append(stamps, stamp)
	}
	return strings.Join(stamps, ", ")
}

// Error is an error in an attribute of a file, as opposed to an error of the host.
type Error struct {
	Attribute string // source, archive_path, cmdline, file_name, checksum, parts or inject
	Err       error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// about makes an error an Error about an attribute.
func about(attribute string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{attribute, err}
}
