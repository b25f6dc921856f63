package pxelinux

import (
	"errors"
	"fmt"
)

// Severity says what a Problem does to a boot.
type Severity int

const (
	// Warning is a problem only on some firmware.
	Warning Severity = iota
	// Error is a problem on every firmware: the firmware cuts, ignores, misreads or skips something.
	Error
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is something that the firmware understands differently from what its author means. It
// implements error, so that problems can be joined and returned.
type Problem struct {
	Severity Severity

	// Entry is the index in Config.Entries, or -1 for a problem of the whole configuration.
	Entry int
	// Field is "label", "kernel", "initrd", "append" or "default", or empty for a whole entry or
	// file.
	Field string

	// Line and Column are the position in a text, both counted from 1, columns in bytes. They are 0
	// for a problem of a Config, or of a whole text.
	Line, Column int

	Message string // what the firmware does, with the value and the limit
	Remedy  string // what to do
}

// Errors joins the problems of severity Error; nil if there are none.
func Errors(problems []Problem) error {
	var errs []error
	for _, problem := range problems {
		if problem.Severity == Error {
			errs = append(errs, problem)
		}
	}
	return errors.Join(errs...)
}

// Error returns the position in the text, if there is one, the message and the remedy.
func (p Problem) Error() string {
	text := fmt.Sprintf("%s: %s", p.Message, p.Remedy)
	if p.Line > 0 {
		return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, text)
	}
	return text
}
