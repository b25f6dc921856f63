package pxelinux

import (
	"fmt"
	"slices"
	"strings"
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
