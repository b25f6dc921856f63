package pxelinux

import (
	"fmt"
	"slices"
	"strings"
)

const keywordMenu = "menu"

// kernelKeywords begin a line that says what to boot. syslinux com32/elflink/ldlinux/readconfig.c kernel_types.
var kernelKeywords = []string{"localboot", keywordKernel, keywordLinux, "boot", "bss", "pxe", "fdimage", "comboot", "com32", "config"}

// otherKeywords begin lines that PXELINUX reads, and that change neither the entries nor the default.
// syslinux com32/elflink/ldlinux/readconfig.c parse_config_file().
var otherKeywords = []string{
	"allowoptions", "console", "display", "font", "implicit", "ipappend", "kbdmap", "nocomplete", "noescape", "nohalt", "onerror",
	"ontimeout", "path", "pxeretry", "say", "sendcookies", "serial", "sysappend",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f0", "f10", "f11", "f12",
}

// loaderReading is the reading of PXELINUX.
type loaderReading struct {
	*reading
	append string // of the line above the labels

	entry     bool    // a label line has begun an entry
	arguments string  // of its kernel line
	ownAppend *string // its append line

	text, prompt *position // of the line, while the file is in a text, and if PXELINUX shows its prompt
	ui, timeout  bool      // there is such a line
	continued    bool      // the line after a backslash, which is reported already
}

// isBlank is my_isspace() of syslinux com32/include/menu.h, which ends a word.
func isBlank(r rune) bool { return r <= ' ' || r == '\x7f' }

// skippedBlanks are what skipspace() of syslinux com32/lib/skipspace.c skips before a word: fewer characters than those that end one.
const skippedBlanks = " \t\v\f"

// read follows syslinux com32/elflink/ldlinux/readconfig.c parse_config_file().
func (loader) read(text string) *reading {
	r := &loaderReading{reading: newReading()}
	number := 0
	for line := range strings.Lines(text) {
		number++
		r.tooLong(line, number)
		for start := 0; start < len(line); start += MaxLine {
			r.line(line[start:min(start+MaxLine, len(line))], position{number, start + 1})
		}
	}
	r.finish()
	return r.reading
}

func (r *loaderReading) tooLong(line string, number int) {
	if len(line) > MaxLine+1 {
		r.report(Error, r.last(), "", position{number, MaxLine + 1}, fmt.Sprintf("the line has %d bytes; PXELINUX reads %d bytes at once and takes the rest for another line", len(line), MaxLine),
			"shorten the line")
	}
}

// last is the entry that lines belong to, or -1.
func (r *loaderReading) last() int {
	if !r.entry {
		return -1
	}
	return len(r.config.Entries) - 1
}

// line reads what one call of fgets returns.
func (r *loaderReading) line(raw string, at position) {
	line, _, found := strings.Cut(strings.TrimSuffix(raw, "\n"), "\x00")
	if found {
		r.report(Error, r.last(), "", position{at.line, at.column + len(line)}, "PXELINUX ignores the rest of the line after a NUL byte", "remove the byte; is this a text file?")
	}
	line, lost, _ := strings.Cut(line, "\r")
	if lost != "" {
		r.report(Error, r.last(), "", position{at.line, at.column + len(line)}, "PXELINUX ignores the rest of the line after a carriage return", "end each line with a newline")
	}
	body := strings.TrimLeft(line, skippedBlanks)
	at.column += len(line) - len(body)
	keyword, value := cutWord(body)
	if r.text != nil {
		if sameKeyword(keyword, "endtext") {
			r.text = nil
		}
		return
	}
	if body != "" && !strings.HasPrefix(body, "#") {
		r.keyword(keyword, value, at, position{at.line, at.column + len(body) - len(value)})
	}
	r.continued = strings.HasSuffix(body, `\`)
}

// cutWord returns the first word of a line and what follows it after the blanks.
func cutWord(line string) (word, rest string) {
	end := strings.IndexFunc(line, isBlank)
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimLeft(line[end:], skippedBlanks)
}

// keyword does what a line says. at is the position of the keyword, and valueAt the position of the value.
func (r *loaderReading) keyword(keyword, value string, at, valueAt position) {
	is := func(other string) bool { return sameKeyword(keyword, other) }
	trimmed := strings.TrimRightFunc(value, isBlank)
	switch {
	case is(keywordLabel):
		r.addEntry(value, valueAt)
	case is(keywordDefault):
		r.setDefault(trimmed, valueAt)
	case is(keywordAppend):
		r.setAppend(value, valueAt)
	case is(keywordInitrd):
		r.setInitrd(trimmed, at, valueAt)
	case slices.ContainsFunc(kernelKeywords, is):
		r.setKernel(strings.ToLower(keyword), trimmed, at, valueAt)
	case is(keywordMenu):
		r.menu(trimmed)
	case is("include"):
		r.partial = true
	case is("text"):
		r.text = &at
	case is("ui"):
		r.ui = true
	case is("prompt"):
		r.prompt = nil
		if leadingNumber(trimmed) != 0 {
			r.prompt = &at
		}
	case is("timeout"), is("totaltimeout"):
		r.timeout = r.timeout || leadingNumber(trimmed) != 0
	case !slices.ContainsFunc(otherKeywords, is):
		r.unread(keyword, at)
	}
}

// menu reads what else than a menu's looks depends on a menu line.
func (r *loaderReading) menu(value string) {
	switch word, _ := cutWord(value); strings.ToLower(word) {
	case "begin", "end", "separator":
		r.closeEntry()
	case "include":
		r.partial = true
	}
}

// unread reports a line that PXELINUX ignores.
func (r *loaderReading) unread(keyword string, at position) {
	if r.continued {
		return
	}
	remedy := remedyOfPasted(keyword, "remove the line, or correct the keyword")
	r.report(Error, r.last(), "", at, fmt.Sprintf("PXELINUX ignores this line, because it does not know %s", quote(keyword)), remedy)
	first, _, _ := strings.Cut(strings.TrimLeft(plainWord(keyword), " "), " ")
	r.partial = r.partial || sameKeyword(first, keywordLabel) || sameKeyword(first, keywordDefault)
}

// setDefault keeps the last default line: readconfig.c sets "default_cmd" at each.
func (r *loaderReading) setDefault(value string, at position) {
	key := place{-1, keywordDefault}
	if before, repeated := r.places[key]; repeated {
		r.report(Error, -1, keywordDefault, at, fmt.Sprintf("PXELINUX uses this default line and ignores the one in line %d", before.line),
			"keep one of the two lines")
	}
	r.config.Default = value
	r.places[key] = at
}

// addEntry begins an entry. The label is one word: readconfig.c __refdup_word().
func (r *loaderReading) addEntry(value string, at position) {
	r.closeEntry()
	label, rest := cutWord(value)
	r.config.Entries = append(r.config.Entries, Entry{Label: label})
	r.entry, r.arguments, r.ownAppend = true, "", nil
	r.places[place{r.last(), keywordLabel}] = at
	if rest != "" {
		r.report(Error, r.last(), keywordLabel, at, fmt.Sprintf("label %s has a blank; PXELINUX takes only %q as the label", quote(value), label),
			"write a label of one word")
	}
}

// closeEntry does what readconfig.c record() does with an entry: it adds the append line above the labels, if the entry has none.
func (r *loaderReading) closeEntry() {
	last := r.last()
	if last < 0 {
		return
	}
	e := &r.config.Entries[last]
	e.Append = r.append
	if r.ownAppend != nil {
		e.Append = *r.ownAppend
	}
	e.Append = joinWords(r.arguments, e.Append)
	if e.Initrd == "" {
		e.Append, e.Initrd = cutInitrd(e.Append)
	}
	if _, found := r.places[place{last, keywordKernel}]; !found {
		e.Kernel = e.Label
		r.missing = append(r.missing, Problem{
			Severity: Error, Entry: last, Field: keywordKernel,
			Message: fmt.Sprintf("entry %q has no kernel line, so PXELINUX takes its label as the path of the kernel", e.Label),
			Remedy:  "add a kernel line",
		})
	}
	r.entry = false
}

// cutInitrd takes the word that names the initrd out of the arguments, where PXELINUX looks for it. Its place among the words does
// not matter.
//
// com32/elflink/ldlinux/kernel.c new_linux_kernel(): "strstr(cmdline, "initrd=")".
func cutInitrd(arguments string) (rest, initrd string) {
	at := strings.Index(arguments, initrdWord)
	if at < 0 || at > 0 && arguments[at-1] != ' ' {
		return arguments, ""
	}
	initrd, after, _ := strings.Cut(arguments[at+len(initrdWord):], " ")
	return joinWords(strings.TrimRight(arguments[:at], " "), after), initrd
}

func joinWords(before, after string) string {
	if before == "" || after == "" {
		return before + after
	}
	return before + " " + after
}

func (r *loaderReading) setAppend(value string, at position) {
	if value == "-" { // nothing, also not the line above the labels
		value = ""
	}
	if !r.entry {
		r.append = value
		return
	}
	r.replaced(keywordAppend, at)
	r.ownAppend = &value
}

func (r *loaderReading) setInitrd(value string, at, valueAt position) {
	if !r.entry {
		r.aboveLabels(keywordInitrd, at)
		return
	}
	r.replaced(keywordInitrd, valueAt)
	r.config.Entries[r.last()].Initrd = value
}

// setKernel keeps what a line such as "kernel" or "com32" names. Words after a path become arguments before append.
func (r *loaderReading) setKernel(keyword, value string, at, valueAt position) {
	if !r.entry {
		r.aboveLabels(keyword, at)
		return
	}
	r.replaced(keywordKernel, valueAt)
	e := &r.config.Entries[r.last()]
	path, arguments := cutWord(value)
	e.Kernel, e.Type = path, keyword
	r.arguments = arguments
	switch keyword {
	case keywordLinux:
		e.Type = ""
	case keywordKernel:
		e.Type = loader{}.typeByName(path)
		if e.Type != "" {
			r.report(Error, r.last(), keywordKernel, valueAt, fmt.Sprintf("kernel %s has a name that ends like a file for the keyword %q, and PXELINUX takes it for one", quote(path), e.Type),
				fmt.Sprintf("write %q instead of \"kernel\" if the file is a Linux kernel, or %q", keywordLinux, e.Type))
		}
	}
	if arguments != "" && e.Type == "" {
		r.report(Error, r.last(), keywordKernel, valueAt, fmt.Sprintf("kernel %s has a blank; PXELINUX takes the rest of the line for arguments of the kernel", quote(value)),
			"put arguments in append, and give the file a name without blanks")
	}
}

// replaced reports a line that replaces an earlier one of the same entry.
func (r *loaderReading) replaced(field string, at position) {
	key := place{r.last(), field}
	if before, repeated := r.places[key]; repeated {
		r.report(Error, key.entry, field, at, fmt.Sprintf("PXELINUX uses this %s line and ignores the one in line %d", field, before.line), "keep one of the two lines")
	}
	r.places[key] = at
}

func (r *loaderReading) aboveLabels(keyword string, at position) {
	r.report(Error, -1, "", at, fmt.Sprintf("PXELINUX ignores this line, because %q is only known below a label", keyword), "move the line below the label that it belongs to")
}

// finish does what is only possible at the end of the file.
func (r *loaderReading) finish() {
	r.closeEntry()
	if r.text != nil {
		r.report(Error, -1, "", *r.text, "PXELINUX finds no endtext line after this line, and ignores the rest of the file", "write endtext on its own line after the text")
	}
	if r.prompt != nil && !r.timeout {
		r.report(Error, -1, "", *r.prompt, "PXELINUX shows its prompt and waits for a user, because no timeout is set", "remove the line, or set timeout")
	}
	if _, found := r.places[place{-1, keywordDefault}]; !found && !r.ui && !r.partial && len(r.config.Entries) > 0 {
		r.report(Error, -1, "", position{1, 1}, "the file has no default line, so PXELINUX stops at its prompt", fmt.Sprintf("add a line such as %q", "default "+r.config.Entries[0].Label))
	}
}
