package framework

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Subject is what a diagnostic is about: a kind of object and its id, `network "lab"`.
type Subject struct{ Kind, ID string }

// String is the subject as a diagnostic names it.
func (s Subject) String() string { return fmt.Sprintf("%s %q", s.Kind, s.ID) }

// Fail adds the one form of error that this provider has: `Unable to create network "lab"`, then
// the chain of causes, then what to do about it.
func Fail(diags *diag.Diagnostics, at path.Path, verb string, about Subject, err error) {
	summary := fmt.Sprintf("Unable to %s %s", verb, about)
	diags.AddAttributeError(at, summary, strings.TrimSpace(Sentence(Within(at, err))+"\n\n"+remedy(err, about)))
}

// remedy says what to do about the errors that need more than their own words.
func remedy(err error, about Subject) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "The run was interrupted. The next apply goes on from here."
	case errors.Is(err, netboot.ErrBootTimeout):
		return "Where the guest only needs longer, raise boot_check.timeout: emulation is many times slower than KVM. The next apply boots it again."
	case errors.Is(err, netboot.ErrInstallTimeout):
		return "The guest goes on. Where the installer only needs longer, raise install.timeout: emulation is many times slower than KVM. " +
			"The next apply waits for a guest that still installs; one that this run created is made anew, unless you untaint it first."
	case errors.Is(err, context.DeadlineExceeded):
		return "The time allowed ran out; the resource's timeouts attribute sets how long it may take. The next apply goes on from here."
	case errors.Is(err, fs.ErrExist):
		return fmt.Sprintf("This %[1]s is not in Terraform's state, so it is somebody else's, or left by a run that was killed. "+
			"To manage it from here, import it: terraform import ADDRESS %[2]s (tofu import ADDRESS %[2]s). Otherwise choose another name, or remove it from the host.",
			about.Kind, about.ID)
	default:
		return ""
	}
}

// AddError adds an error about an attribute, which the detail names where Within does.
func AddError(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if len(at.Steps()) > 1 {
		detail = fmt.Sprintf("In %s: %s", at, detail)
	}
	diags.AddAttributeError(at, summary, detail)
}

// Within names the attribute that an error is about where that lies in another one: OpenTofu then
// shows the resource alone, and neither CLI the index in a list.
func Within(at path.Path, err error) error {
	if len(at.Steps()) < 2 {
		return err
	}
	return fmt.Errorf("in %s: %w", at, err)
}

// Sentence is an error as a sentence: libraries begin in lower case and end without a full stop. What
// others put into it, such as a web server or an image, is plain text on a terminal.
func Sentence(err error) string {
	text := Capital(strings.TrimSpace(Printable(err.Error())))
	if !strings.HasSuffix(text, ".") && !strings.Contains(text, "\n") {
		text += "."
	}
	return text
}

// Capital is a text that begins with a capital letter, unless it begins with a URL.
func Capital(text string) string {
	if first, _, _ := strings.Cut(text, " "); strings.Contains(first, "://") {
		return text
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// Printable is a text with what a terminal would obey, or not show, written as Go writes it: \x1b, \u202e.
func Printable(text string) string {
	var plain strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || unicode.IsPrint(r):
			plain.WriteRune(r)
		case r == '\t':
			plain.WriteByte(' ')
		default:
			plain.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return plain.String()
}

// IsNotFound tells whether the host answered that there is no such object.
func IsNotFound(err error) bool { return errors.Is(err, virt.ErrNotFound) }
