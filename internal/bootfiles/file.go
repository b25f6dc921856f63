// Package bootfiles decides what of a boot image, its kernel and its initrd, is published under a TFTP root and under
// which names, and what of it is there; and it publishes them.
//
// It knows neither Terraform nor libvirt: a host is what Host asks of one.
package bootfiles

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Kinds of files that an image has: attributes, and parts of file names alike.
const (
	Kernel = "kernel"
	Initrd = "initrd"
)

// Kinds are all of them.
var Kinds = []string{Kernel, Initrd}

// File is a kernel or an initrd as a user describes it. What is empty is not given.
type File struct {
	Image    string // name of the image
	Kind     string
	Source   string  // URL, or path on this machine
	ISOPath  string  // in the ISO image that Source is
	Checksum string  // of the source, as image.CheckReference takes it
	FileName string  // in place of a name that carries the content
	Cmdline  *string // that is written into a kernel, also an empty one; nil for none
	Inject   map[string]Injected
}

// Injected is a file that is put into an initrd.
type Injected struct {
	Content string
	Source  string // path on this machine, in place of Content
	Mode    string // octal digits; empty is 0644
}

// Known is a file that was planned or published before, with what is on the host of it.
type Known struct {
	File
	SHA256 string
}

// Published is what is remembered of a file that was published.
type Published struct {
	tftproot.File
	Injected string `json:",omitempty"` // digest of the files that were put into an initrd
	Stamp    string `json:",omitempty"` // of the source
}

// name is the name of the file under the TFTP root, which carries its content unless the user has chosen one.
func (f File) name(sha256 string) string {
	if f.FileName != "" {
		return f.FileName
	}
	return fmt.Sprintf("%s%.12s", f.prefix(), sha256)
}

// prefix is what the names of an image's files of one kind begin with.
func (f File) prefix() string { return f.Image + "-" + f.Kind + "-" }

// isChanged tells whether what is published is not the source as it is.
func (f File) isChanged() bool { return f.Cmdline != nil || f.Inject != nil }

// isWeb tells a source that a plan does not fetch from one that it may read.
func (f File) isWeb() bool {
	scheme, _, isURL := strings.Cut(strings.ToLower(f.Source), "://")
	return isURL && (scheme == "http" || scheme == "https")
}

// describesAs tells whether two files are described in the same way, but for where they come from.
func (f File) describesAs(other File) bool {
	return f.ISOPath == other.ISOPath && f.Checksum == other.Checksum && f.FileName == other.FileName &&
		equal(f.Cmdline, other.Cmdline) && maps.Equal(f.Inject, other.Inject)
}

func equal(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// stamp tells a local source from another version of it, by its size and the time of its modification,
// so that a plan does not read it again. It is empty for any other source.
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

// Error is about an attribute of a file, and not the host's.
type Error struct {
	Attribute string // source, cmdline, file_name, checksum or inject
	Err       error
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// about makes an error one about an attribute.
func about(attribute string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{attribute, err}
}
