package framework

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode"
)

const howToWrite = `write a number with a unit, such as "8GiB" or "512MiB": B, kB, MB, GB, TB, PB (powers of 1000) or KiB, MiB, GiB, TiB, PiB (powers of 1024)`

// nearlySize is a size as other programs write it, in lower case and without blanks.
var nearlySize = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([kmgtp]?)(b|i|ib|)$`) })

// decimalComma matches a decimal comma, but not a comma between thousands, as in 8,192.
var decimalComma = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9]+),([0-9]{1,2}[^0-9]|[0-9]{1,2}$)`) })

// spelling says how to write a text that is not a size here, but is a size for other programs, or for a reader.
func spelling(text string) string {
	text = decimalComma().ReplaceAllString(withoutBlanks(text), "$1.$2")
	match := nearlySize().FindStringSubmatch(strings.ToLower(text))
	if match == nil {
		return howToWrite
	}
	number, prefix, rest := match[1], strings.ToUpper(match[2]), match[3]
	binary, decimal := number+prefix+"iB", number+strings.Replace(prefix, "K", "k", 1)+"B"
	switch {
	case text == decimal: // only blanks or a comma are wrong
		return fmt.Sprintf("write %q", decimal)
	case prefix == "" && rest == "":
		return fmt.Sprintf("write %q", number)
	case prefix == "":
		return fmt.Sprintf("write %q", number+"B")
	case strings.HasPrefix(rest, "i"):
		return fmt.Sprintf("write %q", binary)
	default:
		return fmt.Sprintf("write %q (powers of 1024, which QEMU and virsh mean by %s) or %q (powers of 1000)", binary, prefix, decimal)
	}
}

// withoutBlanks is a text without blanks of any kind, including no-break spaces and zero-width spaces.
func withoutBlanks(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, text)
}
