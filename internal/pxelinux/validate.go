package pxelinux

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Validate returns what the firmware would cut, ignore, misread or fall through on: the default,
// entry by entry, then the file as a whole.
func Validate(c Config, f Firmware) []Problem {
	problems := validateValues(c)
	if size := len(c.text()); size > MaxFileSize {
		problems = append(problems, fileTooLong(size))
	}
	for _, limit := range f.entryLimits() {
		if len(c.Entries) > limit.entries {
			problems = append(problems, limit.exceeded(position{}))
		}
	}
	return problems
}

// validateValues checks all but the size of the file.
func validateValues(c Config) []Problem {
	var problems []Problem
	if len(c.Entries) == 0 {
		problems = append(problems, Problem{
			Severity: Error, Entry: -1,
			Message: "there is no entry; the firmware stops at a file without a label and looks no further",
			Remedy:  "add an entry with label, kernel and initrd",
		})
	}
	problems = append(problems, validateDefault(c)...)
	for i, e := range c.Entries {
		problems = append(problems, violations(i, keywordLabel, e.Label, labelRules)...)
		if slices.ContainsFunc(c.Entries[:i], func(other Entry) bool { return other.Label == e.Label }) {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordLabel,
				Message: fmt.Sprintf("label %q is used twice, and a default means the last one", e.Label),
				Remedy:  "give every entry its own label",
			})
		}
		problems = append(problems, violations(i, keywordKernel, e.Kernel, kernelRules)...)
		problems = append(problems, violations(i, keywordInitrd, e.Initrd, initrdRules)...)
		problems = append(problems, violations(i, keywordAppend, e.Append, appendRules)...)
		if e.Append == e.placeholder() {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordAppend,
				Message: fmt.Sprintf("%q alone is what stands for an empty append", e.Append),
				Remedy:  "leave append empty; the same line is written",
			})
		}
	}
	return problems
}

// validateDefault checks that the default names an entry.
//
// SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg(): "if (defaultlabel && !strcmp(arg, defaultlabel))",
// else the first entry stays.
func validateDefault(c Config) []Problem {
	remedy := "name one of the labels, or leave default out to boot the first"
	for _, e := range c.Entries {
		if c.Default == e.Label {
			return nil
		}
		if strings.EqualFold(c.Default, e.Label) {
			remedy = fmt.Sprintf("write %q, capitals count", e.Label)
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
		Message: fmt.Sprintf("the file has %d bytes; the firmware takes %d, passes over a longer file and boots from the next name, often \"default\"", size, MaxFileSize),
		Remedy:  "shorten append, or spread the entries over files named for a MAC address or UUID",
	}
}

// entryLimit is a number of entries and how bad it is to have more.
type entryLimit struct {
	entries  int
	severity Severity
}

// entryLimits are those of the firmware. Above fewestEntries, some firmware reads on.
func (f Firmware) entryLimits() []entryLimit {
	limits := []entryLimit{{f.MaxEntries(), Error}}
	if f == UnknownFirmware {
		limits = append(limits, entryLimit{fewestEntries, Warning})
	}
	return limits
}

func (l entryLimit) exceeded(at position) Problem {
	which := "the firmware"
	if l.entries == fewestEntries {
		which = "firmware before QEMU 10.1"
	}
	return Problem{
		Severity: l.severity, Entry: l.entries, Field: keywordLabel, Line: at.line, Column: at.column,
		Message: fmt.Sprintf("this is entry %d; %s uses %d, takes garbage for the next and drops the rest", l.entries+1, which, l.entries),
		Remedy:  "spread the entries over files named for a MAC address or UUID",
	}
}

// rule is something that the firmware does to a value against its author's intention.
type rule struct {
	broken  func(value string) bool
	message string
	remedy  string
}

// unsetPath is what comes of an entry without kernel or initrd. SLOF lib/libnet/pxelinux.c
// pxelinux_parse_cfg() leaves the fields that it does not read as they are on the stack.
const unsetPath = "is missing; the firmware does not initialise its memory and loads what an old pointer names"

// Each list holds the rules of one field, the general ones first.
var (
	valueRules = slices.Concat([]rule{
		{continues,
			"has a backslash at the end of a line; the firmware knows no continuation, takes the backslash for a part of the value, and the next line for one of its own",
			"write it as one line with what follows, without the backslash"},
		{hasControl,
			"has a control character; a line break begins a new line of the file, the others reach the console and the TFTP server",
			"remove the character"},
		{func(v string) bool { return strings.Trim(v, " \t\r") != v },
			"begins or ends with a blank, which the firmware cuts off",
			"remove the blank"},
		{func(v string) bool { return hasWord(v, "#") },
			"has a word that begins with \"#\"; the firmware knows comments on lines of their own only and takes it for a part of the value",
			"remove it, or put the comment on its own line"},
	}, pastedRules)
	labelRules = append([]rule{
		{isEmpty,
			"is empty; the firmware ignores such a line and gives its kernel to the entry before",
			"give the entry a name"},
	}, valueRules...)
	// SLOF lib/libnet/tftp.c send_rrq() asks for the value as it is, from the root of the server.
	pathRules = append([]rule{
		{func(v string) bool { return len(v) > MaxPathSize },
			fmt.Sprintf("is too long for the firmware, which overwrites its own memory above %d bytes", MaxPathSize),
			"shorten the name, or move the file nearer to the TFTP root"},
		{func(v string) bool { return strings.ContainsAny(strings.Trim(v, " \t"), " \t") },
			"has a blank; the firmware takes all of the line for the file's name",
			"put arguments in append, and give the file a name without blanks"},
		{func(v string) bool { return strings.Contains(v, "://") },
			"is a URL; the firmware knows TFTP alone and asks its server for a file of that name",
			"publish the file below the TFTP root and write its path there"},
		{func(v string) bool { return strings.Contains(v, "::") },
			"names a server before \"::\"; the firmware does not know this form and takes it for a part of the file's name",
			"write the path below the TFTP root"},
		{func(v string) bool { return slices.Contains(strings.Split(v, "/"), "..") },
			"leads upwards with \"..\", which the TFTP server refuses",
			"write the path below the TFTP root"},
		{func(v string) bool { return strings.HasSuffix(v, "/") },
			"ends with \"/\"; the TFTP server sends files, not directories",
			"write the file's path"},
	}, valueRules...)
	kernelRules = append([]rule{
		{isEmpty, unsetPath, "name a file below the TFTP root"},
	}, pathRules...)
	initrdRules = append([]rule{
		{isEmpty, unsetPath, "name a file below the TFTP root; for a kernel that needs no initrd, a tiny one"},
		{func(v string) bool { return strings.Contains(v, ",") },
			"has a comma; the firmware loads one initrd and takes a list for the name of one file",
			"join the files into one initrd, and give it a name without a comma"},
	}, pathRules...)
	appendRules = append([]rule{
		{func(v string) bool { return len(v) > MaxAppendSize },
			fmt.Sprintf("is too long; the kernel gets the first %d bytes, and the rest is cut without a word", MaxAppendSize),
			"shorten the arguments, move them into a file that the installer loads, or let the kernel carry a command line of its own"},
		{func(v string) bool { return hasWord(v, "initrd=") },
			"names an initrd; the firmware passes the word to the kernel and loads nothing",
			"name the file in initrd"},
		{func(v string) bool { return v == "-" },
			"is \"-\", which means nothing to this firmware; the kernel gets the dash",
			"leave append empty"},
		{hasForeignLetter,
			"has a letter that is not ASCII; with such a byte in it, an s390x kernel reads the whole command line as EBCDIC and understands no word of it",
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

// quote shows a value, with its length where it is shortened.
func quote(value string) string {
	const most = 60
	if len(value) <= most {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%q… (%d bytes)", strings.ToValidUTF8(value[:most], ""), len(value))
}

func isEmpty(value string) bool { return value == "" }

// hasControl leaves tabs to the rules about blanks: inside a value they are harmless.
func hasControl(value string) bool {
	value = strings.NewReplacer("\\\n", "", "\\\r\n", "").Replace(value) // which is said of the backslash
	return strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' })
}

// hasWord reports whether a word of the value begins with prefix.
func hasWord(value, prefix string) bool {
	return slices.ContainsFunc(strings.Fields(value), func(word string) bool {
		return strings.HasPrefix(word, prefix)
	})
}
