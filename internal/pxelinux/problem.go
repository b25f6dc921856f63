package pxelinux

import "fmt"

// Severity says what a Problem does to a boot.
type Severity int

const (
	// Warning is a problem on some firmware only.
	Warning Severity = iota
	// Error is a problem on every firmware: something is cut, ignored, misread or passed over.
	Error
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is one thing that the firmware would take otherwise than its author means. It is an
// error, so that problems can be joined and returned.
type Problem struct {
	Severity Severity

	// Entry is the index in Config.Entries, or -1 for a problem of the whole configuration.
	Entry int
	// Field is "label", "kernel", "initrd", "append" or "default", or empty for all of an entry
	// or a file.
	Field string

	// Line and Column are the place in a text, both from 1, columns in bytes. They are 0 in a
	// problem of a Config, or of a text as a whole.
	Line, Column int

	Message string // what the firmware does, with the value and the limit
	Remedy  string // what to write instead
}

// Error returns the place in the text where there is one, the message and the remedy.
func (p Problem) Error() string {
	text := fmt.Sprintf("%s: %s", p.Message, p.Remedy)
	if p.Line > 0 {
		return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, text)
	}
	return text
}
