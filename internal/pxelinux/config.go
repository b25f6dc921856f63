// Package pxelinux reads, checks, writes and names the pxelinux.cfg files that guests load from the network.
//
// Each kind of guest has its own Reader of these files. The firmware of s390x guests (Firmware) and of ppc64le guests (SLOF) uses
// SLOF's libnet. It knows five keywords of the real PXELINUX, reports almost nothing, and boots something else instead of
// stopping. Guests with a BIOS run the real PXELINUX (PXELINUX), which stops at its prompt for most mistakes. The old boot loader
// of s390-tools (Blob) is a shell script. So every rule here names the place in a reader's source that makes the rule necessary,
// or says that it was measured. The tests of conformance boot the same files on the real readers.
package pxelinux

import (
	"cmp"
	"fmt"
	"path"
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

// Entry is something to boot. Paths are relative to the TFTP root, never to the file. For PXELINUX, they are relative to the
// directory of the boot loader.
type Entry struct {
	Label  string
	Kernel string
	Initrd string // for PXELINUX, several paths can be separated by commas
	Append string // the kernel's arguments, separated by blanks; may be empty

	// Type is PXELINUX's keyword for what Kernel is, such as "com32" or "localboot", if it is not a Linux kernel.
	Type string
}

// Files returns the kernels and initrds that a configuration names, and the names of the files whose URLs are in command lines.
func (c Config) Files() (files []string) {
	for _, entry := range c.Entries {
		for _, file := range append([]string{entry.Kernel}, entry.Initrds()...) {
			if file != "" {
				files = append(files, file)
			}
		}
		files = append(files, URLFiles(entry.Append)...)
	}
	return files
}

// URLFiles returns the names of the files whose URLs are in a command line, such as "fetch=tftp:///root.squashfs".
func URLFiles(cmdline string) (files []string) {
	for word := range strings.FieldsSeq(cmdline) {
		_, address, isURL := strings.Cut(word, "://")
		address, _, _ = strings.Cut(address, "?")
		if name := strings.Trim(path.Base(address), `'"`); isURL && name != "" {
			files = append(files, name)
		}
	}
	return files
}

// Initrds returns the paths of an entry's initrds. A device of GRUB, such as (http,192.168.150.1), may have a comma in its brackets.
func (e Entry) Initrds() (paths []string) {
	if e.Initrd == "" {
		return nil
	}
	depth, start := 0, 0
	for i, c := range e.Initrd {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth <= 0:
			paths = append(paths, e.Initrd[start:i])
			start = i + 1
		}
	}
	return append(paths, e.Initrd[start:])
}

// libnetText writes a configuration for a firmware that uses SLOF's libnet.
//
// Every entry gets all three keywords, because the firmware follows an uninitialised pointer if one is
// missing: SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg() only sets what it reads, in "struct
// pl_cfg_entry entries[]" on the stack of QEMU netmain.c net_try_pxelinux_cfg(). For an empty Append the
// line has "BOOT_IMAGE=" and the kernel's path, an argument that PXELINUX itself writes and Linux
// ignores. Parse reads exactly that line as an empty Append.
func libnetText(c Config) string {
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
