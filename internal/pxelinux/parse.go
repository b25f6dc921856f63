package pxelinux

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Parse reads a file as a firmware does. The problems are what the firmware drops or takes
// otherwise than PXELINUX would; what it keeps is the Config, whose values Parse does not judge.
// A file that the firmware does not take at all gives an empty Config. An append line of the kind
// that Render writes for an empty Append is read as one.
func Parse(text string, f Firmware) (Config, []Problem) {
	r := read(text, f)
	return r.config, r.problems
}

// ValidateText returns the problems of a ready file, in the order of its lines: those of Parse, and
// those that Validate finds in what was read, placed at the line that they are about.
func ValidateText(text string, f Firmware) []Problem {
	r := read(text, f)
	problems := r.problems
	if len(text) > MaxFileSize {
		return problems
	}
	for _, p := range append(validateValues(r.config), r.entriesWithoutAppend()...) {
		if r.lostAny && p.Entry < 0 {
			continue // that there is no entry, or none of the default's label
		}
		at, found := r.places[place{p.Entry, p.Field}]
		if !found { // the line is missing: show the entry
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

// place is a value of a configuration, position where a text has it.
type (
	place struct {
		entry int
		field string
	}
	position struct{ line, column int }
)

// defaultLine is one "default" line and whether a label after it had the name.
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

	// What follows from a mistake that is reported already is reported no more: the lines after a backslash, and what
	// comes of a label that was not read.
	continued bool
	lostLabel bool // in this entry
	lostAny   bool
}

// read follows SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg(), the order of its steps included.
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

// wholeFile reports what no line shows.
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

// line reads one line, and says whether the firmware goes on to the next.
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
		r.unread(entry, at, keyword, fmt.Sprintf("the firmware ignores this line, it does not know %q here", keyword), unknownRemedy(keyword))
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

// unknownRemedy tells why a keyword was not known.
func unknownRemedy(keyword string) string {
	name, _, tab := strings.Cut(keyword, "\t")
	switch {
	case tab:
		return fmt.Sprintf("write a space after %q, not a tab", name)
	case isEntryKeyword(name):
		return "move the line below the label that it belongs to"
	case sameKeyword(name, "linux"):
		return `write "kernel" in place of "linux"`
	}
	return "remove the line; the keywords are default, label, kernel, initrd and append"
}

func isEntryKeyword(word string) bool {
	return slices.ContainsFunc([]string{keywordKernel, keywordInitrd, keywordAppend},
		func(keyword string) bool { return sameKeyword(word, keyword) })
}

func (r *reader) setDefault(label string, at position) {
	if len(r.defaults) > 0 {
		r.report(Error, -1, keywordDefault, at, "the file has more than one default line, and the last one that fits a later label counts",
			"keep one, above the labels")
	}
	r.defaults = append(r.defaults, defaultLine{label: label, at: at})
}

// addEntry begins an entry, and says whether the firmware reads on.
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

// set gives the last entry a value, in place of one that it may have.
func (r *reader) set(field string, to *string, value string, at position) {
	key := place{len(r.config.Entries) - 1, field}
	if before, repeated := r.places[key]; repeated && !r.lostLabel {
		r.report(Error, key.entry, field, at, fmt.Sprintf("the firmware takes this %s and drops the one in line %d", field, before.line),
			"keep one of the two lines")
	}
	*to = value
	r.places[key] = at
}

// finish settles what only the end of the file shows.
func (r *reader) finish() {
	for i, e := range r.config.Entries {
		if e.Append == e.placeholder() {
			r.config.Entries[i].Append = ""
		}
	}
	for _, d := range r.defaults {
		if !d.matched && !r.lostAny {
			r.report(Error, -1, keywordDefault, d.at, fmt.Sprintf("no label below this line is %q, so the firmware boots the first entry", d.label),
				"write the default above its label and exactly like it, capitals included")
		}
	}
}

// entriesWithoutAppend finds what a Config cannot show: no append line at all.
func (r *reader) entriesWithoutAppend() []Problem {
	var problems []Problem
	for i, e := range r.config.Entries {
		if _, found := r.places[place{i, keywordAppend}]; !found {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordAppend,
				Message: fmt.Sprintf("entry %q has no append line, and the firmware passes whatever its memory holds to the kernel", e.Label),
				Remedy:  fmt.Sprintf("add an append line; %q changes nothing", "append "+e.placeholder()),
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
