package grub

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// The limits of GRUB. None was met on the size of a file, and none on the number of entries: 300 entries were measured to boot.
const (
	// MaxPath is the largest size, in bytes, of a file's path with the slash before it. GRUB says "filename too long" for a longer
	// one, and loads nothing.
	//
	// grub-core/net/tftp.c tftp_open(): a request of 512 bytes, of which 28 are for the options and a NUL, must not be full.
	MaxPath = 483

	// MaxCommandLine is the number of bytes of the command line that reach a kernel, with "BOOT_IMAGE=" and its path. GRUB leaves out the
	// first word that does not fit, and all after it, without a message.
	//
	// grub-core/lib/cmdline.c grub_create_loader_cmdline() counts a NUL in the size that it is given: with secure boot, the 2047 of an x86
	// kernel (Linux arch/x86/boot/header.S), in grub-core/loader/i386/efi/linux.c of Debian. Without secure boot, and on arm64, it is more.
	MaxCommandLine = 2046
)

// Fields of an entry.
const (
	fieldDefault = "default"
	fieldLabel   = "label"
	fieldKernel  = "kernel"
	fieldInitrd  = "initrd"
	fieldAppend  = "append"
)

// Validate returns what GRUB would cut, change or fail to load: first for the default, then for each entry.
func Validate(c pxelinux.Config) []pxelinux.Problem {
	v := &validation{entry: -1}
	if len(c.Entries) == 0 {
		v.report("", "there is no entry; GRUB finds nothing to boot", "add an entry with label and kernel")
	}
	labels := make([]string, len(c.Entries))
	for i, e := range c.Entries {
		labels[i] = e.Label
	}
	if c.Default != "" && !slices.Contains(labels, c.Default) {
		v.report(fieldDefault, fmt.Sprintf("no entry has the label %q", c.Default), remedyOfDefault(c.Default, labels))
	}
	for i, e := range c.Entries {
		v.entry = i
		v.label(e.Label, labels[:i])
		v.path(fieldKernel, e.Kernel)
		for _, path := range e.Initrds() {
			v.path(fieldInitrd, path)
		}
		v.arguments(e)
	}
	return v.problems
}

func remedyOfDefault(label string, labels []string) string {
	for _, other := range labels {
		if strings.EqualFold(label, other) {
			return fmt.Sprintf("write %q, because case matters", other)
		}
	}
	return "name one of the labels"
}

// validation collects the problems of entries.
type validation struct {
	entry    int
	problems []pxelinux.Problem
}

func (v *validation) report(field, message, remedy string) {
	v.problems = append(v.problems, pxelinux.Problem{Severity: pxelinux.Error, Entry: v.entry, Field: field, Message: message, Remedy: remedy})
}

func (v *validation) label(label string, earlier []string) {
	switch {
	case label == "":
		v.report(fieldLabel, "label is empty, so no default can name the entry", "give the entry a label")
	case strings.HasPrefix(label, "-"): // grub-core/commands/menuentry.c, options of an extended command
		v.report(fieldLabel, fmt.Sprintf("label %q begins with a dash, so GRUB reads it as an option of menuentry", label), "begin the label with another character")
	case hasControl(label):
		v.report(fieldLabel, fmt.Sprintf("label %q has a control character", label), "remove the character")
	case slices.Contains(earlier, label):
		v.report(fieldLabel, fmt.Sprintf("label %q is used twice", label), "give every entry its own label")
	}
}

// path checks the path of a kernel or initrd.
func (v *validation) path(field, path string) {
	subject := fmt.Sprintf("%s %q ", field, shortened(path))
	switch {
	case path == "" && field == fieldInitrd:
		v.report(field, "initrd has an empty path in its list", "separate the paths by single commas")
	case path == "":
		v.report(field, field+" is missing", "name a file below the TFTP root")
	case hasControl(path):
		v.report(field, subject+"has a control character", "remove the character")
	case strings.Contains(path, "://"):
		v.report(field, subject+"is a URL, which GRUB takes for a path below the TFTP root",
			"publish the file below the TFTP root, or write the server as a device of GRUB, such as (http,192.168.150.1)/path, if its image has the module http")
	case slices.Contains(strings.Split(path, "/"), ".."):
		v.report(field, subject+`leads upwards with "..", which the TFTP server refuses`, "write the path relative to the TFTP root")
	case strings.HasSuffix(path, "/"):
		v.report(field, subject+`ends with "/"; the TFTP server sends files, not directories`, "write the file's path")
	case len(fromRoot(path)) > MaxPath:
		v.report(field, fmt.Sprintf("%sis too long; GRUB loads no file whose path has more than %d bytes", subject, MaxPath-1), "shorten the name, or move the file closer to the TFTP root")
	}
}

// arguments checks append.
func (v *validation) arguments(e pxelinux.Entry) {
	if err := pxelinux.CheckPasted(e.Append); err != nil {
		message, remedy, _ := strings.Cut(err.Error(), ": ")
		v.report(fieldAppend, message, remedy)
		return
	}
	if hasControl(strings.ReplaceAll(e.Append, "\t", " ")) {
		v.report(fieldAppend, "append has a control character", "remove the character")
		return
	}
	for _, word := range Words(e.Append) {
		v.checkWord(word)
	}
	if message, remedy := tooLong(e); message != "" {
		v.report(fieldAppend, message, remedy)
	}
}

// tooLong says what is wrong with a command line of too many bytes.
func tooLong(e pxelinux.Entry) (message, remedy string) {
	size := len(CommandLine(e))
	if size <= MaxCommandLine {
		return "", ""
	}
	return fmt.Sprintf("the command line has %d bytes, with BOOT_IMAGE= and the path of the kernel, which GRUB adds; an x86 kernel gets at most %d, and GRUB leaves out the words that do not fit without a message", size, MaxCommandLine),
		fmt.Sprintf("shorten append by %d bytes, or move arguments into a file that the installer loads", size-MaxCommandLine)
}

// checkWord checks a word of the arguments, with its quotes: grub-core/lib/cmdline.c grub_create_loader_cmdline() puts a backslash before
// each quote and each backslash in a word.
func (v *validation) checkWord(word string) {
	for _, c := range []string{`\`, `'`} {
		if strings.Contains(word, c) {
			v.report(fieldAppend, fmt.Sprintf("append has %s in %q, and GRUB puts a backslash before it, which stays in the kernel's command line", c, shortened(word)),
				"remove the character, or move the argument into a file that the installer loads")
			return
		}
	}
	if slices.ContainsFunc(words(word), func(w string) bool { return strings.Contains(w, `"`) }) {
		v.report(fieldAppend, fmt.Sprintf("append has a quote in %q, and GRUB puts a backslash before it, which stays in the kernel's command line", shortened(word)),
			`write quotes only around a whole word or a whole value, as in name="two words"`)
	}
}

func hasControl(value string) bool { return strings.ContainsFunc(value, unicode.IsControl) }

// shortened is a value that a message can show.
func shortened(value string) string {
	const most = 60
	if len(value) <= most {
		return value
	}
	return strings.ToValidUTF8(value[:most], "") + "…"
}
