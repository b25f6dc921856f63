package pxelinux

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// libnetLimits checks the size of the file and the number of entries for a firmware that uses SLOF's libnet.
func libnetLimits(c Config, entries []entryLimit) []Problem {
	var problems []Problem
	if size := len(libnetText(c)); size > MaxFileSize {
		problems = append(problems, fileTooLong(size))
	}
	for _, limit := range entries {
		if len(c.Entries) > limit.entries {
			problems = append(problems, limit.exceeded(position{}))
		}
	}
	return problems
}

// checkLibnet checks everything except the size of the file and the number of entries.
func checkLibnet(c Config, argumentRules []rule) []Problem {
	var problems []Problem
	if len(c.Entries) == 0 {
		problems = append(problems, Problem{
			Severity: Error, Entry: -1,
			Message: "there is no entry; the firmware stops at a file without a label, and looks for no other file",
			Remedy:  "add an entry with label, kernel and initrd",
		})
	}
	problems = append(problems, validateDefault(c)...)
	for i, e := range c.Entries {
		problems = append(problems, violations(i, keywordLabel, e.Label, labelRules)...)
		if slices.ContainsFunc(c.Entries[:i], func(other Entry) bool { return other.Label == e.Label }) {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordLabel,
				Message: fmt.Sprintf("label %q is used twice, and a default with this label selects the last entry", e.Label),
				Remedy:  "give every entry its own label",
			})
		}
		problems = append(problems, violations(i, keywordKernel, e.Kernel, kernelRules)...)
		problems = append(problems, violations(i, keywordInitrd, e.Initrd, initrdRules)...)
		problems = append(problems, violations(i, keywordAppend, e.Append, argumentRules)...)
		if e.Append == e.placeholder() {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordAppend,
				Message: fmt.Sprintf("append is only %q, which stands for an empty append", e.Append),
				Remedy:  "leave append empty; the same line is written then",
			})
		}
	}
	return problems
}

// validateDefault checks that the default names an entry.
//
// SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg(): "if (defaultlabel && !strcmp(arg, defaultlabel))",
// otherwise the first entry stays the default.
func validateDefault(c Config) []Problem {
	remedy := "name one of the labels, or remove default to boot the first entry"
	for _, e := range c.Entries {
		if c.Default == e.Label {
			return nil
		}
		if strings.EqualFold(c.Default, e.Label) {
			remedy = fmt.Sprintf("write %q, because case matters", e.Label)
		}
	}
	if c.Default == "" {
		return nil
	}
	return []Problem{{
		Severity: Error, Entry: -1, Field: keywordDefault,
		Message: fmt.Sprintf("no entry has the label %q, so the firmware boots the first entry", c.Default),
		Remedy:  remedy,
	}}
}

func fileTooLong(size int) Problem {
	return Problem{
		Severity: Error, Entry: -1,
		Message: fmt.Sprintf("the file has %d bytes; the firmware reads at most %d, skips a longer file and boots from the next name, often \"default\"", size, MaxFileSize),
		Remedy:  "shorten append, or split the entries into files named after a MAC address or UUID",
	}
}

// entryLimit is a number of entries, the firmware that has this limit, and the severity of having more.
type entryLimit struct {
	entries  int
	of       string
	severity Severity
}

// entryLimits returns the limits of the firmware. Some firmware reads more than fewestEntries.
func (f Firmware) entryLimits() []entryLimit {
	const older = "firmware before QEMU 10.1"
	switch f {
	case UnknownFirmware:
		return []entryLimit{{mostEntries, "the firmware", Error}, {fewestEntries, older, Warning}}
	case Menu:
		return []entryLimit{{mostEntries, "the firmware", Error}}
	default:
		return []entryLimit{{fewestEntries, older, Error}}
	}
}

func (l entryLimit) exceeded(at position) Problem {
	return Problem{
		Severity: l.severity, Entry: l.entries, Field: keywordLabel, Line: at.line, Column: at.column,
		Message: fmt.Sprintf("this is entry %d; %s uses %d entries, reads garbage for the next one and ignores the rest", l.entries+1, l.of, l.entries),
		Remedy:  "split the entries into files named after a MAC address or UUID",
	}
}

// rule describes a value that the firmware understands differently from what its author means.
type rule struct {
	broken  func(value string) bool
	message string
	remedy  string
}

// unsetPath says what an entry without kernel or initrd leads to. SLOF lib/libnet/pxelinux.c
// pxelinux_parse_cfg() leaves the fields that it does not read as they are on the stack.
const unsetPath = "is missing; the firmware does not initialise its memory and loads whatever file an old pointer names"

// named returns rules whose messages name another reader than the firmware.
func named(reader string, rules []rule) []rule {
	rules = slices.Clone(rules)
	for i := range rules {
		rules[i].message = strings.ReplaceAll(rules[i].message, "the firmware", reader)
	}
	return rules
}

// Rules of several readers.
var (
	continuesRule = rule{continues,
		"has a backslash at the end of a line; the firmware does not join lines: the backslash becomes part of the value, and the next line is read separately",
		"join it with the next line, without the backslash"}
	commentRule = rule{func(v string) bool { return hasWord(v, "#") },
		"has a word that begins with \"#\"; the firmware knows comments only on separate lines, so the word becomes part of the value",
		"remove the comment, or put it on its own line"}
	parentRule = rule{func(v string) bool { return slices.Contains(strings.Split(v, "/"), "..") },
		"leads upwards with \"..\", which the TFTP server refuses",
		"write the path relative to the TFTP root"}
	directoryRule = rule{func(v string) bool { return strings.HasSuffix(v, "/") },
		"ends with \"/\"; the TFTP server sends files, not directories",
		"write the file's path"}
)

// Each list holds the rules of one field, the general ones first.
var (
	valueRules = slices.Concat([]rule{
		continuesRule,
		{hasControl,
			"has a control character; a line break begins a new line of the file, and other control characters reach the console and the TFTP server",
			"remove the character"},
		{func(v string) bool { return strings.Trim(v, " \t\r") != v },
			"begins or ends with a blank, which the firmware removes",
			"remove the blank"},
		commentRule,
	}, pastedRules)
	labelRules = append([]rule{
		{isEmpty,
			"is empty; the firmware ignores an empty label line, and the previous entry gets the kernel of this entry",
			"give the entry a label"},
	}, valueRules...)
	// SLOF lib/libnet/tftp.c send_rrq() asks for the value as it is, from the root of the server.
	pathRules = append([]rule{
		{func(v string) bool { return len(v) > MaxPathSize },
			fmt.Sprintf("is too long; the firmware overwrites its own memory if a path has more than %d bytes", MaxPathSize),
			"shorten the name, or move the file closer to the TFTP root"},
		{func(v string) bool { return strings.ContainsAny(strings.Trim(v, " \t"), " \t") },
			"has a blank; the firmware takes the whole rest of the line as the file's name",
			"put arguments in append, and give the file a name without blanks"},
		{func(v string) bool { return strings.Contains(v, "://") },
			"is a URL; the firmware knows only TFTP, and asks its TFTP server for a file with that name",
			"publish the file below the TFTP root and write its path relative to that root"},
		{func(v string) bool { return strings.Contains(v, "::") },
			"names a server before \"::\"; the firmware does not know this form and takes the server as part of the file's name",
			"write only the path, relative to the TFTP root"},
		parentRule,
		directoryRule,
	}, valueRules...)
	kernelRules = append([]rule{
		{isEmpty, unsetPath, "name a file below the TFTP root"},
	}, pathRules...)
	initrdRules = append([]rule{
		{isEmpty, unsetPath, "name a file below the TFTP root; if the kernel needs no initrd, name a tiny file"},
		{func(v string) bool { return strings.Contains(v, ",") },
			"has a comma; the firmware loads one initrd and takes a list as the name of one file",
			"join the files into one initrd, and give it a name without a comma"},
	}, pathRules...)
	appendRules = append([]rule{
		{func(v string) bool { return len(v) > MaxAppendSize },
			fmt.Sprintf("is too long; the kernel gets the first %d bytes, and the rest is cut off without a message", MaxAppendSize),
			"shorten the arguments, move them into a file that the installer loads, or store the command line in the kernel file"},
		{func(v string) bool { return hasWord(v, "initrd=") },
			"names an initrd; the firmware passes the word to the kernel and loads nothing",
			"name the file in initrd"},
		{func(v string) bool { return v == "-" },
			"is \"-\", which has no special meaning for this firmware, so the kernel gets the dash",
			"leave append empty"},
		{hasForeignLetter,
			"has a letter that is not ASCII; because of it, an s390x kernel reads the whole command line as EBCDIC and understands none of it",
			"write it in ASCII"},
	}, valueRules...)
)

// violations returns a problem for each rule that the value of a field breaks.
func violations(entry int, field, value string, rules []rule) []Problem {
	subject := field
	if value != "" {
		subject += " " + quote(value)
	}
	var problems []Problem
	for _, r := range rules {
		if r.broken(value) {
			problems = append(problems, Problem{
				Severity: Error, Entry: entry, Field: field,
				Message: fmt.Sprintf("%s %s", subject, r.message),
				Remedy:  r.remedy,
			})
		}
	}
	return problems
}

// quote shows a value. If it shortens the value, it adds the length.
func quote(value string) string {
	const most = 60
	if len(value) <= most {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%q… (%d bytes)", strings.ToValidUTF8(value[:most], ""), len(value))
}

func isEmpty(value string) bool { return value == "" }

// hasControl ignores tabs: the rules about blanks check them, and inside a value they are harmless.
func hasControl(value string) bool {
	value = strings.NewReplacer("\\\n", "", "\\\r\n", "").Replace(value) // the rule about the backslash reports these
	return strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}

// hasWord reports whether a word of the value begins with prefix.
func hasWord(value, prefix string) bool {
	return slices.ContainsFunc(strings.Fields(value), func(word string) bool {
		return strings.HasPrefix(word, prefix)
	})
}
