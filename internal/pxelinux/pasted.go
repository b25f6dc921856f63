package pxelinux

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pastedRules are about unintended characters in texts that are copied from web pages and word processors.
var pastedRules = []rule{
	{func(v string) bool { return strings.ContainsAny(v, "“”„‟‘’‚‛") },
		"has a typographic quote (“ ” ‘ ’), which neither the firmware nor the kernel treats as a quote",
		"write \" or ' instead"},
	{func(v string) bool { return strings.ContainsAny(v, "‐‑‒–—―−") },
		"has a typographic dash (– —), which neither the firmware nor the kernel treats as a hyphen",
		"write \"-\" instead, or \"--\" if you mean two hyphens"},
	{func(v string) bool { return strings.ContainsFunc(v, isOtherBlank) },
		"has a special blank such as U+00A0, which does not separate words",
		"write an ordinary blank instead"},
	{func(v string) bool { return strings.ContainsAny(v, invisible) },
		"has an invisible character, such as a zero-width space (U+200B)",
		"remove it"},
}

// invisible characters: the soft hyphen, zero-width characters, direction marks, and the byte order mark.
const invisible = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"

// isOtherBlank recognizes the blanks, line separators and paragraph separators of Unicode that are not ASCII.
func isOtherBlank(r rune) bool {
	return r >= 0x2000 && r <= 0x200a || slices.Contains([]rune{0x00a0, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000}, r)
}

// hasForeignLetter tells whether a value has characters that are not ASCII and may be intended. Linux
// arch/s390/boot/ipl_parm.c, has_ebcdic_char().
func hasForeignLetter(value string) bool {
	isPasted := func(v string) bool {
		return slices.ContainsFunc(pastedRules, func(rule rule) bool { return rule.broken(v) })
	}
	return strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII && !isPasted(string(r)) })
}

// CheckASCII refuses characters that make an s390x kernel read the whole command line as EBCDIC.
func CheckASCII(arguments string) error {
	if at := strings.IndexFunc(arguments, func(r rune) bool { return r > unicode.MaxASCII }); at >= 0 {
		letter, _ := utf8.DecodeRuneInString(arguments[at:])
		return fmt.Errorf("the command line has %q, which is not ASCII; because of it, an s390x kernel reads the whole line as EBCDIC and understands none of it: write the command line in ASCII", letter)
	}
	return nil
}

// continues tells whether a value has a backslash that joins a line with the next one in shells and in GRUB.
func continues(value string) bool {
	return slices.Contains(strings.Fields(value), `\`) || strings.HasSuffix(value, `\`) || continuedInside(value)
}

func continuedInside(value string) bool {
	return strings.Contains(value, "\\\n") || strings.Contains(value, "\\\r\n")
}

// CheckPasted refuses what the arguments of a kernel contain only if they were copied from a text: typographic quotes,
// dashes and blanks, invisible characters, and a backslash at the end of a line.
func CheckPasted(arguments string) error {
	if continues(arguments) {
		return fmt.Errorf("the command line has a backslash at the end of a line, but a kernel does not join lines: write it as one line, without the backslash")
	}
	for _, r := range pastedRules {
		if r.broken(arguments) {
			return fmt.Errorf("the command line %s: %s", r.message, r.remedy)
		}
	}
	return nil
}

const byteOrderMark = "\ufeff"

// remedyOfPasted is what to do about words that are not read: about what is wrong with them if they were copied, or else the
// given remedy.
func remedyOfPasted(words, remedy string) string {
	if strings.HasPrefix(words, byteOrderMark) {
		return "save the file without a byte order mark"
	}
	if i := slices.IndexFunc(pastedRules, func(rule rule) bool { return rule.broken(words) }); i >= 0 {
		return fmt.Sprintf("it %s: %s", pastedRules[i].message, pastedRules[i].remedy)
	}
	return remedy
}

// plainWord is a word as it probably was before it was copied.
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
