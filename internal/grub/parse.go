package grub

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Parse reads the entries of a text, as far as they are written in the usual way: commands linux and initrd in a menuentry, or
// outside of all menu entries, which is an entry with an empty label. A path or argument with variables is as it is written.
func Parse(text string) pxelinux.Config { return read(text).config }

// FilesOf returns the kernels and initrds that a text names.
func FilesOf(text string) []string {
	return slices.DeleteFunc(Parse(text).Files(), func(path string) bool { return strings.Contains(path, "$") })
}

// ValidateText returns the problems of a text. Errors are only about what leaves every guest without a kernel, because a text is a
// program, and this package does not run it.
func ValidateText(text string) []pxelinux.Problem { return read(text).problems }

// reading is what was read of a text.
type reading struct {
	config   pxelinux.Config
	problems []pxelinux.Problem

	entry     *pxelinux.Entry // that commands belong to
	top       pxelinux.Entry  // outside of all menu entries
	depth     int             // of braces
	entryAt   int             // the depth outside of the current menu entry
	defaultIs string
	opened    []statement // what begins with if, while, until or for, and is not yet closed
	timeout   bool
	menu      bool
	boots     bool // a command boots, or is not known to this package
	label     *word
}

func read(text string) *reading {
	r := &reading{}
	r.entry = &r.top
	statements, open := scan(text)
	for _, s := range statements {
		r.statement(s)
	}
	r.finish(open)
	return r
}

func (r *reading) report(severity pxelinux.Severity, line int, message, remedy string) {
	r.problems = append(r.problems, pxelinux.Problem{Severity: severity, Entry: -1, Line: line, Column: 1, Message: message, Remedy: remedy})
}

func (r *reading) statement(s statement) {
	switch s.symbol {
	case "":
		r.command(s)
	case "{":
		r.openBrace()
	case "}":
		r.closeBrace(s)
	default: // grub-core/script/parser.y has no rule for them
		r.report(pxelinux.Error, s.line, fmt.Sprintf("GRUB refuses %q here, and ignores the command or the whole menu entry that has it", s.symbol), "write the word in single quotes")
	}
}

func (r *reading) openBrace() {
	if r.label != nil {
		r.config.Entries = append(r.config.Entries, pxelinux.Entry{Label: r.label.text})
		r.entry = &r.config.Entries[len(r.config.Entries)-1]
		r.entryAt = r.depth
	}
	r.label = nil
	r.depth++
}

func (r *reading) closeBrace(s statement) {
	r.depth--
	if r.depth < 0 {
		r.depth = 0
		r.report(pxelinux.Error, s.line, `"}" closes nothing, and GRUB refuses it`, "remove it, or write it in single quotes")
	}
	if r.depth == r.entryAt {
		r.entry = &r.top
	}
}

// leading are the words of the shell that a command can follow.
var leading = []string{"if", "then", "else", "elif", "while", "until", "do", "!"}

// command reads a command. After "if" and the like, the rest of the words is the command.
func (r *reading) command(s statement) {
	for len(s.words) > 0 && slices.ContainsFunc(leading, s.is) {
		if s.is("if") || s.is("while") || s.is("until") {
			r.opened = append(r.opened, s)
		}
		s.words = s.words[1:]
	}
	if len(s.words) == 0 {
		return
	}
	switch name := s.words[0]; {
	case s.is("for"):
		r.opened = append(r.opened, s)
	case s.is("fi"), s.is("done"):
		r.opened = r.opened[:max(len(r.opened)-1, 0)]
	case name.text == "menuentry":
		r.menu, r.label = true, &word{}
		if len(s.words) > 1 {
			r.label = &s.words[1]
		}
	case slices.Contains([]string{"linux", "linux16", "linuxefi"}, name.text):
		r.kernel(s)
	case slices.Contains([]string{"initrd", "initrd16", "initrdefi"}, name.text):
		r.initrd(s)
	default:
		r.other(s)
	}
}

func (r *reading) kernel(s statement) {
	if len(s.words) < 2 || r.entry.Kernel != "" {
		return
	}
	r.entry.Kernel = belowRoot(s.words[1])
	var arguments []string
	for _, w := range s.words[2:] {
		arguments = append(arguments, meant(w.text))
	}
	r.entry.Append = strings.Join(arguments, " ")
}

func (r *reading) initrd(s statement) {
	var paths []string
	for _, w := range s.words[1:] {
		paths = append(paths, belowRoot(w))
	}
	if r.entry.Initrd == "" {
		r.entry.Initrd = strings.Join(paths, ",")
	}
}

// belowRoot is a path without the slashes before it.
func belowRoot(w word) string {
	path := w.text
	if !w.literal {
		path = strings.TrimPrefix(path, "($root)")
	}
	return strings.TrimLeft(path, "/")
}

// harmless are commands that neither boot nor load anything that boots.
var harmless = strings.Fields("set unset export echo serial terminal_input terminal_output terminal load_video loadfont insmod true false sleep [ test regexp clear cat ls play background_color background_image gfxmode")

// other reads a command that loads nothing.
func (r *reading) other(s statement) {
	assignment := s.words[0].text
	if s.is("set") && len(s.words) > 1 {
		assignment = s.words[1].text
	}
	name, value, isAssignment := strings.Cut(assignment, "=")
	switch {
	case isAssignment && name == fieldDefault:
		r.defaultIs = strings.Trim(value, `"'`)
	case isAssignment && name == "timeout":
		r.timeout = true
	case isAssignment, slices.Contains(harmless, s.words[0].text):
	default:
		r.boots = true
	}
}

// finish finds the problems of the whole text.
func (r *reading) finish(open string) {
	if r.top.Kernel != "" {
		r.config.Entries = append(r.config.Entries, r.top)
	}
	r.config.Default = r.labelOf(r.defaultIs)
	switch {
	case open != "":
		r.report(pxelinux.Error, 0, fmt.Sprintf("the text does not close the quote %s, and GRUB does not run what follows it", open), "close the quote")
	case r.depth > 0:
		r.report(pxelinux.Error, 0, `the text has more "{" than "}", and GRUB does not run what follows the first of them that is not closed`, `add the missing "}"`)
	case len(r.opened) > 0:
		first := r.opened[0]
		r.report(pxelinux.Error, first.line, fmt.Sprintf("the text does not close this %q, and GRUB does not run what follows it", first.words[0].text), `add the missing "fi" or "done"`)
	case r.boots:
	case !r.menu && r.top.Kernel != "":
		r.report(pxelinux.Error, 0, "the text loads a kernel but does not boot it, so GRUB stops at its prompt", `add the command "boot", or put the commands into a menuentry`)
	case !r.menu:
		r.report(pxelinux.Error, 0, "the text boots nothing, so GRUB stops at its prompt", "add a menuentry with the commands linux and initrd")
	}
	if len(r.problems) == 0 && r.menu && !r.timeout && !r.boots {
		r.report(pxelinux.Warning, 0, "the text has menu entries but sets no timeout, so GRUB waits in its menu for a user", `add the line "set timeout=0"`)
	}
}

// labelOf is the label of an entry that is named by its number or by its label.
func (r *reading) labelOf(name string) string {
	if number, err := strconv.Atoi(name); err == nil && number >= 0 && number < len(r.config.Entries) {
		return r.config.Entries[number].Label
	}
	return name
}
