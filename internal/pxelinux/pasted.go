package pxelinux

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pastedRules are about what texts bring along that are copied from web pages and word processors. Nobody means it.
var pastedRules = []rule{
	{func(v string) bool { return strings.ContainsAny(v, "“”„‟‘’‚‛") },
		"has a typographic quote (“ ” ‘ ’), which neither firmware nor kernel takes for a quote",
		"write \" or ' in its place"},
	{func(v string) bool { return strings.ContainsAny(v, "‐‑‒–—―−") },
		"has a typographic dash (– —), which neither firmware nor kernel takes for a hyphen",
		"write \"-\" in its place, or \"--\" where that was meant"},
	{func(v string) bool { return strings.ContainsFunc(v, isOtherBlank) },
		"has a blank such as U+00A0, which parts no words",
		"write an ordinary blank in its place"},
	{func(v string) bool { return strings.ContainsAny(v, invisible) },
		"has an invisible character, such as a blank without width (U+200B)",
		"remove it"},
}

// invisible characters: the soft hyphen, those of no width, marks of direction, and the byte order mark.
const invisible = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

// isOtherBlank knows the blanks of Unicode, and its ends of lines and paragraphs, that are not ASCII.
func isOtherBlank(r rune) bool {
	return r >= 0x2000 && r <= 0x200a || slices.Contains([]rune{0x00a0, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000}, r)
}

// hasForeignLetter tells whether a value has characters that are not ASCII and that somebody may mean. Linux
// arch/s390/boot/ipl_parm.c, has_ebcdic_char().
func hasForeignLetter(value string) bool {
	isPasted := func(v string) bool {
		return slices.ContainsFunc(pastedRules, func(rule rule) bool { return rule.broken(v) })
	}
	return strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII && !isPasted(string(r)) })
}

// CheckASCII refuses what makes an s390x kernel read the whole command line as EBCDIC.
func CheckASCII(arguments string) error {
	if at := strings.IndexFunc(arguments, func(r rune) bool { return r > unicode.MaxASCII }); at >= 0 {
		letter, _ := utf8.DecodeRuneInString(arguments[at:])
		return fmt.Errorf("the command line has %q, which is not ASCII; an s390x kernel then reads the whole line as EBCDIC and understands no word of it: write it in ASCII", letter)
	}
	return nil
}

// continues tells whether a value has the mark of a line that the next one continues, in shells and in GRUB.
func continues(value string) bool {
	return slices.Contains(strings.Fields(value), `\`) || strings.HasSuffix(value, `\`) || continuedInside(value)
}

func continuedInside(value string) bool {
	return strings.Contains(value, "\\\n") || strings.Contains(value, "\\\r\n")
}

// CheckPasted refuses what the arguments of a kernel have only where they were copied from a text: typographic quotes,
// dashes and blanks, invisible characters, and a backslash at the end of a line.
func CheckPasted(arguments string) error {
	if continues(arguments) {
		return fmt.Errorf("the command line has a backslash at the end of a line, and a kernel knows no continuation: write it as one line, without the backslash")
	}
	for _, r := range pastedRules {
		if r.broken(arguments) {
			return fmt.Errorf("the command line %s: %s", r.message, r.remedy)
		}
	}
	return nil
}

// plainWord is a word as it was before it was copied, as far as that is to be seen.
func plainWord(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(invisible, r):
			return -1
		case isOtherBlank(r):
			return ' '
		default:
			return r
		}
	}, word)
}
