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

// Fail adds an error in the form that all errors of this provider have: `Unable to create network "lab"`, then the chain
// of causes, then what to do about it.
func Fail(diags *diag.Diagnostics, at path.Path, verb string, about Subject, err error) {
	summary := fmt.Sprintf("Unable to %s %s", verb, about)
	diags.AddAttributeError(at, summary, strings.TrimSpace(Sentence(Within(at, err))+"\n\n"+remedy(err, about)))
}

// remedy says what to do about errors whose own message does not say it.
func remedy(err error, about Subject) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "The run was interrupted. The next apply continues from here."
	case errors.Is(err, netboot.ErrBootTimeout):
		return "If the guest only needs more time, raise boot_check.timeout: emulation is many times slower than KVM. The next apply boots the guest again."
	case errors.Is(err, netboot.ErrWaitTimeout):
		return "If the guest only needs more time, raise the timeout of this wait: emulation is many times slower than KVM. The next apply boots the guest again. A guest that this run created is replaced instead, unless you untaint it first."
	case errors.Is(err, netboot.ErrInstallTimeout):
		return "The guest keeps running. If the installer only needs more time, raise install.timeout: emulation is many times slower than KVM. " +
			"If the guest is still installing, the next apply waits for it. A guest that this run created is replaced instead, unless you untaint it first."
	case errors.Is(err, context.DeadlineExceeded):
		return "The operation exceeded its time limit. To raise the limit, set the timeouts attribute of the resource. The next apply continues from here."
	case errors.Is(err, fs.ErrExist):
		return fmt.Sprintf("This %[1]s is not in Terraform's state. Another program or user made it, or a run that was killed left it. "+
			"To manage it with this configuration, import it: terraform import ADDRESS %[2]s (tofu import ADDRESS %[2]s). Otherwise choose another name, or remove it from the host.",
			about.Kind, about.ID)
	default:
		return ""
	}
}

// AddError adds an error about an attribute. The detail names the attribute in the same cases as Within.
func AddError(diags *diag.Diagnostics, at path.Path, summary, detail string) {
	if len(at.Steps()) > 1 {
		detail = fmt.Sprintf("In %s: %s", at, detail)
	}
	diags.AddAttributeError(at, summary, detail)
}

// Within names the attribute that an error is about if it is nested in another attribute. For such an attribute, OpenTofu
// shows only the resource, and neither CLI shows the index in a list.
func Within(at path.Path, err error) error {
	if len(at.Steps()) < 2 {
		return err
	}
	return fmt.Errorf("in %s: %w", at, err)
}

// Sentence is an error as a sentence: errors of libraries begin in lower case and end without a full stop. Text from other
// sources in it, such as a web server or an image, is made safe for a terminal. Quoted lines, such as those of a console, are
// indented, and get no full stop.
func Sentence(err error) string {
	text := Capital(strings.TrimSpace(Printable(err.Error())))
	isQuoted := strings.HasPrefix(text[strings.LastIndex(text, "\n")+1:], " ")
	if !strings.HasSuffix(text, ".") && !isQuoted {
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

// Printable is a text with control characters and invisible characters written as Go writes them: \x1b, \u202e.
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
