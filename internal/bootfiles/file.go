// Package bootfiles publishes files under a TFTP root: the kernel and the initrd of a boot image, and files with fixed names, such
// as boot loaders. It decides which files are published under which names, and finds the existing ones.
//
// It depends on neither Terraform nor libvirt: a host is anything that implements Host.
package bootfiles

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Kinds of files of an image. They are names of attributes and parts of file names.
const (
	Kernel = "kernel"
	Initrd = "initrd"
	Fixed  = "file" // with a fixed name, which a boot loader or firmware expects
)

// Kinds are the kinds of files that an image has.
var Kinds = []string{Kernel, Initrd}

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
	Found    bool   `json:",omitempty"` // a file with this fixed name was on the host before, with the same content
}

// name is the name of the file under the TFTP root. It contains a hash of the content, unless the user has chosen a name.
func (f File) name(sha256 string) string {
	if f.FileName != "" {
		return f.FileName
	}
	return fmt.Sprintf("%s%.12s", f.prefix(), sha256)
}

// prefix is the prefix of the names of an image's files of one kind.
func (f File) prefix() string { return f.Image + "-" + f.Kind + "-" }

// isWeb tells whether the source is on a web server. A plan does not fetch such a source, but reads other sources.
func (f File) isWeb() bool {
	scheme, _, isURL := strings.Cut(strings.ToLower(f.Source), "://")
	return isURL && (scheme == "http" || scheme == "https")
}

// describesAs tells whether the descriptions of two files are the same, except for the source.
func (f File) describesAs(other File) bool {
	return f.ISOPath == other.ISOPath && f.ArchivePath == other.ArchivePath && f.Checksum == other.Checksum && f.FileName == other.FileName &&
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
	if strings.Contains(f.Source, "://") {
		return ""
	}
	info, err := os.Stat(f.Source)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d bytes of %s", info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// Error is an error in an attribute of a file, as opposed to an error of the host.
type Error struct {
	Attribute string // source, archive_path, cmdline, file_name, checksum or inject
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
