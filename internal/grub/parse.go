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
	boots     bool       // a command boots, or is not known to this package
	begins    *statement // what the next brace begins
	ids       []string   // of the entries
}

func read(text string) *reading {
	r := &reading{}
	r.entry = &r.top
	if strings.HasPrefix(text, "\ufeff") {
		r.report(pxelinux.Warning, 1, "the text begins with a byte order mark, and GRUB does not know the first command because of it", "save the text without it")
	}
	statements, open := scan(strings.TrimPrefix(text, "\ufeff"))
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
		r.openBrace(s)
	case "}":
		r.closeBrace(s)
	default:
		r.refuse(s)
	}
}

// refuse reports a symbol for which grub-core/script/parser.y has no rule. In a block, the whole block is lost (measured).
func (r *reading) refuse(s statement) {
	severity, lost := pxelinux.Warning, "the command"
	if r.depth > 0 {
		severity, lost = pxelinux.Error, "the whole block"
	}
	r.report(severity, s.line, fmt.Sprintf("GRUB refuses %q here, and ignores %s that has it", s.symbol, lost), "write the word in single quotes")
}

// blocks are the commands that a brace can follow.
var blocks = []string{"menuentry", "submenu", "hiddenentry", "function"}

func (r *reading) openBrace(brace statement) {
	r.depth++
	before := r.begins
	r.begins = nil
	if before == nil || !slices.ContainsFunc(blocks, before.is) {
		// grub-core/script/parser.y takes a block as an argument, and no brace is a part of a word: yylex.l CHAR.
		r.report(pxelinux.Warning, brace.line, `GRUB takes "{" for the beginning of a block`, "if it is a part of a word, write the word in single quotes")
		return
	}
	if !before.is("menuentry") {
		return
	}
	label, id := titleOf(*before)
	r.config.Entries, r.ids = append(r.config.Entries, pxelinux.Entry{Label: label}), append(r.ids, id)
	r.entry, r.entryAt = &r.config.Entries[len(r.config.Entries)-1], r.depth-1
}

// titleOf returns the title of a menuentry, which usually is its first word, and its id.
func titleOf(s statement) (title, id string) {
	for i, w := range s.words {
		if w.text == "--id" && i+1 < len(s.words) {
			id = s.words[i+1].text
		}
		if value, found := strings.CutPrefix(w.text, "--id="); found {
			id = value
		}
	}
	if len(s.words) > 1 {
		title = s.words[1].text
	}
	return title, id
}

func (r *reading) closeBrace(s statement) {
	r.depth--
	if r.depth < 0 {
		r.depth = 0
		r.report(pxelinux.Warning, s.line, `"}" closes nothing, and GRUB ignores it`, "remove it, or write it in single quotes")
	}
	if r.depth == r.entryAt {
		r.entry = &r.top
	}
}

// leading are the words of the shell that a command can follow.
var leading = []string{"if", "then", "else", "elif", "while", "until", "do", "!"}

// command reads a command. After "if" and the like, the rest of the words is the command.
func (r *reading) command(s statement) {
	r.begins = &s
	for len(s.words) > 0 && slices.ContainsFunc(leading, s.is) {
		if s.is("if") || s.is("while") || s.is("until") {
			r.opened = append(r.opened, s)
		}
		s.words = s.words[1:]
	}
	if len(s.words) == 0 {
		return
	}
	switch name := s.words[0].text; name {
	case "for":
		r.opened = append(r.opened, s)
	case "fi", "done":
		r.opened = r.opened[:max(len(r.opened)-1, 0)]
	case "menuentry":
		r.menu = true
	case "linux", "linuxefi":
		r.kernel(s)
	case "initrd", "initrdefi":
		r.initrd(s)
	case "linux16", "initrd16": // measured; the module linux16 is only for a BIOS
		r.report(pxelinux.Error, s.line, fmt.Sprintf("GRUB has no command %s on a guest with UEFI", name), fmt.Sprintf("write %s", strings.TrimSuffix(name, "16")))
	default:
		r.other(s)
	}
}

func (r *reading) kernel(s statement) {
	if len(s.words) < 2 {
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
	r.entry.Initrd = strings.Join(paths, ",")
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
		r.config.Entries, r.ids = append(r.config.Entries, r.top), append(r.ids, "")
	}
	for _, e := range r.config.Entries {
		if message, remedy := tooLong(e); message != "" {
			r.report(pxelinux.Warning, 0, message, remedy)
		}
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
		r.report(pxelinux.Error, 0, "the text loads a kernel but does not boot it", `add the command "boot", or put the commands into a menuentry`)
	case !r.menu:
		r.report(pxelinux.Error, 0, "the text boots nothing", "add a menuentry with the commands linux and initrd")
	}
	if len(r.problems) == 0 && r.menu && !r.timeout && !r.boots {
		r.report(pxelinux.Warning, 0, "the text has menu entries but sets no timeout, so GRUB waits in its menu for a user", `add the line "set timeout=0"`)
	}
}

// labelOf is the label of an entry that is named by its number, its id or its label.
func (r *reading) labelOf(name string) string {
	if number, err := strconv.Atoi(name); err == nil && number >= 0 && number < len(r.config.Entries) {
		return r.config.Entries[number].Label
	}
	if at := slices.Index(r.ids, name); at >= 0 && name != "" {
		return r.config.Entries[at].Label
	}
	return name
}
