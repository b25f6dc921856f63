// Package pxelinux reads, checks, writes and names the pxelinux.cfg files that the network boot
// firmware of an s390x guest loads.
//
// The firmware is SLOF's libnet in QEMU's s390-ccw loader. It knows five keywords of the real PXELINUX,
// reports almost nothing, and boots something else instead of stopping. So every rule here names the
// place in the firmware's source that makes the rule necessary.
package pxelinux

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// The five keywords of the firmware, which also name the fields of a Config and an Entry.
const (
	keywordDefault = "default"
	keywordLabel   = "label"
	keywordKernel  = "kernel"
	keywordInitrd  = "initrd"
	keywordAppend  = "append"
)

// Config is the content of a pxelinux.cfg file.
type Config struct {
	Default string // label of the entry to boot; empty for the first entry
	Entries []Entry
}

// Entry is something to boot. Paths are relative to the TFTP root, never to the file.
type Entry struct {
	Label  string
	Kernel string
	Initrd string
	Append string // the kernel's arguments, separated by blanks; may be empty
}

// Files returns the kernels and initrds that a configuration names.
func (c Config) Files() (files []string) {
	for _, entry := range c.Entries {
		for _, file := range []string{entry.Kernel, entry.Initrd} {
			if file != "" {
				files = append(files, file)
			}
		}
	}
	return files
}

// Render returns the text of a configuration for a firmware, or an error that joins each Problem of
// severity Error that Validate finds.
//
// Every entry gets all three keywords, because the firmware follows an uninitialised pointer if one is
// missing: SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg() only sets what it reads, in "struct
// pl_cfg_entry entries[]" on the stack of QEMU netmain.c net_try_pxelinux_cfg(). For an empty Append the
// line has "BOOT_IMAGE=" and the kernel's path, an argument that PXELINUX itself writes and Linux
// ignores. Parse reads exactly that line as an empty Append.
func Render(c Config, f Firmware) (string, error) {
	var errs []error
	for _, problem := range Validate(c, f) {
		if problem.Severity == Error {
			errs = append(errs, problem)
		}
	}
	if len(errs) > 0 {
		return "", errors.Join(errs...)
	}
	return c.text(), nil
}

// text writes the configuration without checking whether the firmware can read it.
func (c Config) text() string {
	var b strings.Builder
	if c.Default != "" {
		// SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg() compares each label, as it reads it,
		// with the default seen so far, so the default comes first.
		fmt.Fprintf(&b, "default %s\n", c.Default)
	}
	for _, e := range c.Entries {
		// The same function looks for a space, and for a tab only in a line without spaces.
		fmt.Fprintf(&b, "label %s\n", e.Label)
		fmt.Fprintf(&b, "  kernel %s\n", e.Kernel)
		fmt.Fprintf(&b, "  initrd %s\n", e.Initrd)
		fmt.Fprintf(&b, "  append %s\n", cmp.Or(e.Append, e.placeholder()))
	}
	return b.String()
}

// placeholder is the argument that stands for an empty Append.
func (e Entry) placeholder() string {
	return "BOOT_IMAGE=" + e.Kernel
}
