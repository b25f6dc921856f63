package boot

import (
	"fmt"
	"strings"
	"time"
)

// Reason is why a boot counts as failed.
type Reason int

const (
	Forbidden Reason = iota // a forbidden pattern was seen
	GaveUp                  // the firmware gave up
	Panicked                // Linux panicked
	Ended                   // the console ended, or could not be read
	TimedOut                // the context's deadline passed
	Cancelled               // the context was cancelled
)

var reasonNames = [...]string{"forbidden", "gave up", "panicked", "ended", "timed out", "cancelled"}

func (r Reason) String() string { return reasonNames[r] }

// Failure is the error of Watch. Its text is for the user who waits for the guest.
type Failure struct {
	Reason       Reason
	Result       Result
	Forbidden    string   // the text that matched a forbidden pattern
	Missing      []string // the expected patterns that were not seen
	Explanations []Explanation
	Facts        []string // what else explains the failure, as clauses; from callers that know what the guest should boot
	Err          error    // what ended the watch: a read error or the context's cause; may be nil
}

// Unwrap returns the read error or the context's cause.
func (f *Failure) Unwrap() error { return f.Err }

// Error tells what happened, explains the messages seen, and shows the end of the console.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s after %s, at stage %q.\n", f.Headline(), f.Result.Elapsed.Round(100*time.Millisecond), f.Result.Stage)
	for _, pattern := range f.Missing {
		fmt.Fprintf(&b, "Not seen on the console: %q\n", pattern)
	}
	return b.String() + f.Evidence()
}

// Evidence explains the messages seen, and shows the end of the console.
func (f *Failure) Evidence() string {
	var b strings.Builder
	for _, e := range f.Explanations {
		b.WriteByte('\n')
		if e.Message != "" {
			fmt.Fprintf(&b, "%s\n", e.Message)
		}
		fmt.Fprintf(&b, "  Meaning: %s.\n  Remedy: %s.\n", e.Meaning, e.Remedy)
	}
	if len(f.Facts) > 0 {
		fmt.Fprintf(&b, "\nHere:\n  - %s.\n", strings.Join(f.Facts, ".\n  - "))
	}
	if f.Result.Tail == "" {
		b.WriteString("\nThe console showed nothing.")
	} else {
		b.WriteString("\nThe end of the console:\n" + Quote(f.Result.Tail))
	}
	return b.String()
}

// Quote marks each line of what a guest wrote.
func Quote(text string) string { return "  | " + strings.ReplaceAll(text, "\n", "\n  | ") }

// Headline tells what happened, as a clause.
func (f *Failure) Headline() string {
	switch f.Reason {
	case Forbidden:
		return fmt.Sprintf("the console showed %q, which is forbidden,", f.Forbidden)
	case GaveUp:
		return "the firmware gave up"
	case Panicked:
		return "Linux panicked"
	case TimedOut:
		return "the boot timed out"
	case Cancelled:
		return "the watch was cancelled"
	}
	if f.Err != nil {
		return fmt.Sprintf("the console could no longer be read (%v)", f.Err)
	}
	return "the console ended"
}
