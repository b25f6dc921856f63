package pxelinux

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Reader is what reads a configuration: the firmware of a guest, or a boot loader that the firmware starts. A Firmware is the
// reader of s390x guests, SLOF of ppc64le guests, PXELINUX of x86_64 guests, and Blob of s390x guests that boot the loader of
// s390-tools.
type Reader interface {
	fmt.Stringer

	// UUIDFileName returns the name, below pxelinux.cfg/, of the file for the UUID of a guest, or why the reader never asks for
	// such a file.
	UUIDFileName(uuid string) (string, error)
	// UUIDOf returns the UUID of the guest that a file with the name of a UUID is for, the reverse of UUIDFileName.
	UUIDOf(name string) string

	read(text string) *reading
	check(c Config) []Problem  // of the values, without the limits
	limits(c Config) []Problem // of the whole file
	text(c Config) string
	boot(c Config, loadparm string) (Entry, error)
	paths(s Search) ([]string, error)
}

// Archs are the architectures of guests that read such configurations, the default first.
var Archs = []string{arch.S390X, arch.PPC64LE, arch.X86}

// S390Tools is the name of Blob among the readers, all of which but this one have the name of an architecture.
const S390Tools = "s390-tools"

// ReaderOf returns what reads a configuration on guests of an architecture. An s390x guest has UnknownFirmware, or Blob if the name
// is S390Tools. An empty name means s390x.
func ReaderOf(name string) (Reader, error) {
	switch name {
	case arch.S390X, "":
		return UnknownFirmware, nil
	case S390Tools:
		return Blob, nil
	case arch.PPC64LE:
		return SLOF, nil
	case arch.X86:
		return PXELINUX, nil
	}
	return nil, fmt.Errorf("%q is not an architecture whose guests read pxelinux configurations; these are %s", name, strings.Join(Archs, ", "))
}

// Parse reads a file as a reader does. The problems are what the reader ignores, or understands differently from how it is
// written. The Config is what the reader keeps; Parse does not check its values. The Config is empty if the reader does not
// accept the file at all. An append line that Render writes for an empty Append is read as an empty Append.
func Parse(text string, by Reader) (Config, []Problem) {
	r := by.read(text)
	return r.config, r.problems
}

// Validate returns what the reader would cut, ignore, misread or skip: first for the default, then for each entry, then for the
// whole file.
func Validate(c Config, by Reader) []Problem {
	return append(by.check(c), by.limits(c)...)
}

// ValidateText returns the problems of a complete file, in the order of its lines: the problems of Parse,
// and the problems that Validate finds in the Config, each with the position of its line.
func ValidateText(text string, by Reader) []Problem {
	r := by.read(text)
	problems := r.problems
	if r.skipped {
		return problems
	}
	for _, p := range append(by.check(r.config), r.missing...) {
		if r.partial && p.Entry < 0 {
			continue // no entry, or no entry with the label of the default: this follows from the missing label
		}
		at, found := r.places[place{p.Entry, p.Field}]
		if !found { // the line is missing: show the position of the entry
			at = r.places[place{p.Entry, keywordLabel}]
		}
		p.Line, p.Column = at.line, at.column
		problems = append(problems, p)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return problems
}

// Render returns the text of a configuration for a reader, or an error that joins each Problem of
// severity Error that Validate finds.
func Render(c Config, by Reader) (string, error) {
	if err := Errors(Validate(c, by)); err != nil {
		return "", err
	}
	return by.text(c), nil
}

// FilesOf returns the kernels and initrds that a file names for any reader, because a file does not say which guests it is for.
func FilesOf(text string) (files []string) {
	for _, by := range []Reader{UnknownFirmware, PXELINUX, Blob} {
		config, _ := Parse(text, by)
		files = append(files, config.Files()...)
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// Boot returns the entry that the reader boots without a user. Only firmware with a menu uses loadparm.
func (c Config) Boot(by Reader, loadparm string) (Entry, error) {
	if len(c.Entries) == 0 {
		return Entry{}, errors.New("there is no entry")
	}
	return by.boot(c, loadparm)
}

// place identifies a value of a configuration, and position is where it is in a text.
type (
	place struct {
		entry int
		field string
	}
	position struct{ line, column int }
)

// reading is what a reader has read of a file.
type reading struct {
	config   Config
	places   map[place]position
	problems []Problem
	missing  []Problem // of lines that an entry needs and that a Config cannot show
	skipped  bool      // the reader does not accept the file
	partial  bool      // the Config has fewer labels than the author means: a label was lost, or is in another file
}

func newReading() *reading { return &reading{places: map[place]position{}} }

func (r *reading) report(severity Severity, entry int, field string, at position, message, remedy string) {
	r.problems = append(r.problems, Problem{
		Severity: severity, Entry: entry, Field: field, Line: at.line, Column: at.column,
		Message: message, Remedy: remedy,
	})
}
