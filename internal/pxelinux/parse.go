package pxelinux

import (
	"fmt"
	"slices"
	"strings"
)

// defaultLine is a "default" line, and whether a label after it matched.
type defaultLine struct {
	label   string
	at      position
	matched bool
}

// libnetReading is the reading of a firmware that uses SLOF's libnet.
type libnetReading struct {
	*reading
	entries  []entryLimit
	defaults []defaultLine

	// The consequences of a reported mistake are not reported again: the lines after a backslash, and what
	// follows from a label that was not read.
	continued bool
	lostLabel bool // in this entry
}

// readLibnet follows SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg(), including the order of its steps.
func readLibnet(text string, entries []entryLimit) *reading {
	r := &libnetReading{reading: newReading(), entries: entries}
	if len(text) > MaxFileSize {
		r.skipped = true
		r.problems = append(r.problems, fileTooLong(len(text)))
		return r.reading
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
	return r.reading
}

// wholeFile reports problems that are not about a single line.
func (r *libnetReading) wholeFile(text string) {
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
func (r *libnetReading) line(body string, at position) (more bool) {
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
func (r *libnetReading) unread(entry int, at position, words, message, remedy string) {
	if r.continued || r.lostLabel && isEntryKeyword(words) {
		return
	}
	r.report(Error, entry, "", at, message, remedyOfPasted(words, remedy))
	first, _, _ := strings.Cut(strings.TrimLeft(plainWord(words), " "), " ")
	if first != words && sameKeyword(first, keywordLabel) {
		r.lostLabel, r.partial = true, true
	}
}

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

func (r *libnetReading) setDefault(label string, at position) {
	if len(r.defaults) > 0 {
		r.report(Error, -1, keywordDefault, at, "the file has more than one default line, and the firmware uses the last one that matches a label below it",
			"keep one default line, above the labels")
	}
	r.defaults = append(r.defaults, defaultLine{label: label, at: at})
}

// addEntry begins an entry, and says whether the firmware reads the next line.
func (r *libnetReading) addEntry(label string, at position) (more bool) {
	r.lostLabel = false
	entry := len(r.config.Entries)
	for _, limit := range r.entries {
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
func (r *libnetReading) set(field string, to *string, value string, at position) {
	key := place{len(r.config.Entries) - 1, field}
	if before, repeated := r.places[key]; repeated && !r.lostLabel {
		r.report(Error, key.entry, field, at, fmt.Sprintf("the firmware uses this %s line and ignores the one in line %d", field, before.line),
			"keep one of the two lines")
	}
	*to = value
	r.places[key] = at
}

// finish does what is only possible at the end of the file.
func (r *libnetReading) finish() {
	for i, e := range r.config.Entries {
		if e.Append == e.placeholder() {
			r.config.Entries[i].Append = ""
		}
	}
	for _, d := range r.defaults {
		if !d.matched && !r.partial {
			r.report(Error, -1, keywordDefault, d.at, fmt.Sprintf("no label below this line is %q, so the firmware boots the first entry", d.label),
				"write the default line above the label, with the same spelling and case")
		}
	}
	r.findMissing()
}

// findMissing finds entries without an append line, which a Config cannot show.
func (r *libnetReading) findMissing() {
	for i, e := range r.config.Entries {
		if _, found := r.places[place{i, keywordAppend}]; !found {
			r.missing = append(r.missing, Problem{
				Severity: Error, Entry: i, Field: keywordAppend,
				Message: fmt.Sprintf("entry %q has no append line, so the firmware passes whatever its memory holds to the kernel", e.Label),
				Remedy:  fmt.Sprintf("add an append line, such as %q, which changes nothing", "append "+e.placeholder()),
			})
		}
	}
}
