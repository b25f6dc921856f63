package pxelinux

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Parse reads a file as a firmware does. The problems are what the firmware ignores, or understands
// differently from PXELINUX. The Config is what the firmware keeps; Parse does not check its values. The
// Config is empty if the firmware does not accept the file at all. An append line that Render writes for
// an empty Append is read as an empty Append.
func Parse(text string, f Firmware) (Config, []Problem) {
	r := read(text, f)
	return r.config, r.problems
}

// ValidateText returns the problems of a complete file, in the order of its lines: the problems of Parse,
// and the problems that Validate finds in the Config, each with the position of its line.
func ValidateText(text string, f Firmware) []Problem {
	r := read(text, f)
	problems := r.problems
	if len(text) > MaxFileSize {
		return problems
	}
	for _, p := range append(validateValues(r.config), r.entriesWithoutAppend()...) {
		if r.lostAny && p.Entry < 0 {
			continue // no entry, or no entry with the label of the default: this follows from the lost label
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

// place identifies a value of a configuration, and position is where it is in a text.
type (
	place struct {
		entry int
		field string
	}
	position struct{ line, column int }
)

// defaultLine is a "default" line, and whether a label after it matched.
type defaultLine struct {
	label   string
	at      position
	matched bool
}

// reader holds what was read of a file so far.
type reader struct {
	firmware Firmware
	config   Config
	places   map[place]position
	defaults []defaultLine
	problems []Problem

	// The consequences of a reported mistake are not reported again: the lines after a backslash, and what
	// follows from a label that was not read.
	continued bool
	lostLabel bool // in this entry
	lostAny   bool
}

// read follows SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg(), including the order of its steps.
func read(text string, f Firmware) *reader {
	r := &reader{firmware: f, places: map[place]position{}}
	if len(text) > MaxFileSize {
		r.problems = append(r.problems, fileTooLong(len(text)))
		return r
	}
	r.wholeFile(text)
	text, _, _ = strings.Cut(text, "\x00")
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		// "Remove spaces, tabs and returns" at the end, then skip spaces and tabs.
		line = strings.TrimRight(line, "\r \t")
		body := strings.TrimLeft(line, " \t")
		// "if (*ptr == 0 || *ptr == '#') goto nextline; /* Ignore comments and empty lines */"
		if body == "" || body[0] == '#' {
			r.continued = false
			continue
		}
		if more := r.line(body, position{number, len(line) - len(body) + 1}); !more {
			break
		}
		r.continued = strings.HasSuffix(body, `\`)
	}
	r.finish()
	return r
}

// wholeFile reports problems that are not about a single line.
func (r *reader) wholeFile(text string) {
	if i := strings.IndexByte(text, 0); i >= 0 {
		before := text[:i]
		at := position{strings.Count(before, "\n") + 1, i - strings.LastIndexByte(before, '\n')}
		r.report(Error, -1, "", at, "the firmware stops reading at a NUL byte",
			"remove the byte; is this a text file?")
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		// SLOF lib/libnet/pxelinux.c as of 2018: pxelinux_load_parse_cfg() passes the length that
		// was received, and pxelinux_parse_cfg() begins with "cfg[cfgsize - 1] = 0".
		at := position{strings.Count(text, "\n") + 1, len(text) - strings.LastIndexByte(text, '\n') - 1}
		r.report(Warning, -1, "", at, "old firmware loses the last character of a file that does not end in a newline",
			"end the last line with a newline")
	}
}

// line reads one line, and says whether the firmware reads the next line.
func (r *reader) line(body string, at position) (more bool) {
	// "arg = strchr(ptr, ' '); if (!arg) arg = strchr(ptr, '\t');"
	keyword, value, found := strings.Cut(body, " ")
	if !found {
		keyword, value, found = strings.Cut(body, "\t")
	}
	entry := len(r.config.Entries) - 1
	if !found {
		r.unread(entry, at, body, fmt.Sprintf("the firmware ignores %q, a keyword without a value", body), "write a space and a value after it, or remove the line")
		return true
	}
	value = strings.TrimLeft(value, " \t")
	valueAt := position{at.line, at.column + len(body) - len(value)}

	switch {
	case sameKeyword(keyword, keywordDefault):
		r.setDefault(value, valueAt)
	case sameKeyword(keyword, keywordLabel):
		return r.addEntry(value, valueAt)
	case sameKeyword(keyword, keywordKernel) && entry >= 0:
		r.set(keywordKernel, &r.config.Entries[entry].Kernel, value, valueAt)
	case sameKeyword(keyword, keywordInitrd) && entry >= 0:
		r.set(keywordInitrd, &r.config.Entries[entry].Initrd, value, valueAt)
	case sameKeyword(keyword, keywordAppend) && entry >= 0:
		r.set(keywordAppend, &r.config.Entries[entry].Append, value, valueAt)
	default:
		r.unread(entry, at, keyword, fmt.Sprintf("the firmware ignores this line, because it does not know %q here", keyword), unknownRemedy(keyword))
	}
	return true
}

// unread reports a line that the firmware ignores.
func (r *reader) unread(entry int, at position, words, message, remedy string) {
	if r.continued || r.lostLabel && isEntryKeyword(words) {
		return
	}
	if strings.HasPrefix(words, byteOrderMark) {
		remedy = "save the file without a byte order mark"
	} else if i := slices.IndexFunc(pastedRules, func(rule rule) bool { return rule.broken(words) }); i >= 0 {
		remedy = fmt.Sprintf("it %s: %s", pastedRules[i].message, pastedRules[i].remedy)
	}
	r.report(Error, entry, "", at, message, remedy)
	first, _, _ := strings.Cut(strings.TrimLeft(plainWord(words), " "), " ")
	if first != words && sameKeyword(first, keywordLabel) {
		r.lostLabel, r.lostAny = true, true
	}
}

const byteOrderMark = "\ufeff"

// sameKeyword compares like strcasecmp. Of equal lengths, only ASCII letters can fold to each other
// and to a keyword.
func sameKeyword(word, keyword string) bool {
	return len(word) == len(keyword) && strings.EqualFold(word, keyword)
}

// unknownRemedy says what to do about an unknown keyword.
func unknownRemedy(keyword string) string {
	name, _, tab := strings.Cut(keyword, "\t")
	switch {
	case tab:
		return fmt.Sprintf("write a space after %q, not a tab", name)
	case isEntryKeyword(name):
		return "move the line below the label that it belongs to"
	case sameKeyword(name, "linux"):
		return `write "kernel" instead of "linux"`
	}
	return "remove the line; the keywords are default, label, kernel, initrd and append"
}

func isEntryKeyword(word string) bool {
	return slices.ContainsFunc([]string{keywordKernel, keywordInitrd, keywordAppend},
		func(keyword string) bool { return sameKeyword(word, keyword) })
}

func (r *reader) setDefault(label string, at position) {
	if len(r.defaults) > 0 {
		r.report(Error, -1, keywordDefault, at, "the file has more than one default line, and the firmware uses the last one that matches a label below it",
			"keep one default line, above the labels")
	}
	r.defaults = append(r.defaults, defaultLine{label: label, at: at})
}

// addEntry begins an entry, and says whether the firmware reads the next line.
func (r *reader) addEntry(label string, at position) (more bool) {
	r.lostLabel = false
	entry := len(r.config.Entries)
	for _, limit := range r.firmware.entryLimits() {
		if entry != limit.entries {
			continue
		}
		r.problems = append(r.problems, limit.exceeded(at))
		if limit.severity == Error {
			return false
		}
	}
	r.config.Entries = append(r.config.Entries, Entry{Label: label})
	r.places[place{entry, keywordLabel}] = at
	if last := len(r.defaults) - 1; last >= 0 && r.defaults[last].label == label {
		r.defaults[last].matched = true
		r.config.Default = label
		r.places[place{-1, keywordDefault}] = r.defaults[last].at
	}
	return true
}

// set sets a value of the last entry, and replaces an earlier value.
func (r *reader) set(field string, to *string, value string, at position) {
	key := place{len(r.config.Entries) - 1, field}
	if before, repeated := r.places[key]; repeated && !r.lostLabel {
		r.report(Error, key.entry, field, at, fmt.Sprintf("the firmware uses this %s line and ignores the one in line %d", field, before.line),
			"keep one of the two lines")
	}
	*to = value
	r.places[key] = at
}

// finish does what is only possible at the end of the file.
func (r *reader) finish() {
	for i, e := range r.config.Entries {
		if e.Append == e.placeholder() {
			r.config.Entries[i].Append = ""
		}
	}
	for _, d := range r.defaults {
		if !d.matched && !r.lostAny {
			r.report(Error, -1, keywordDefault, d.at, fmt.Sprintf("no label below this line is %q, so the firmware boots the first entry", d.label),
				"write the default line above the label, with the same spelling and case")
		}
	}
}

// entriesWithoutAppend finds entries without an append line, which a Config cannot show.
func (r *reader) entriesWithoutAppend() []Problem {
	var problems []Problem
	for i, e := range r.config.Entries {
		if _, found := r.places[place{i, keywordAppend}]; !found {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordAppend,
				Message: fmt.Sprintf("entry %q has no append line, so the firmware passes whatever its memory holds to the kernel", e.Label),
				Remedy:  fmt.Sprintf("add an append line, such as %q, which changes nothing", "append "+e.placeholder()),
			})
		}
	}
	return problems
}

func (r *reader) report(severity Severity, entry int, field string, at position, message, remedy string) {
	r.problems = append(r.problems, Problem{
		Severity: severity, Entry: entry, Field: field, Line: at.line, Column: at.column,
		Message: message, Remedy: remedy,
	})
}
