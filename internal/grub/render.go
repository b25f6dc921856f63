package grub

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// Render returns the text of a configuration, or an error that joins each Problem of severity Error that Validate finds.
func Render(c pxelinux.Config) (string, error) {
	if err := pxelinux.Errors(Validate(c)); err != nil {
		return "", err
	}
	return text(c), nil
}

// text writes a configuration that boots its default at once. It sets no terminal: with UEFI, GRUB's console is the firmware's, which is
// also the serial port (measured: with a serial line, each line is there twice).
//
// GRUB boots a kernel without its initrd if it does not find the initrd (measured; grub-core/normal/menu.c grub_menu_execute_entry()
// boots if something is loaded). After an entry that fails, it waits in its menu. So each entry boots only if both commands succeed,
// and restarts the guest otherwise. The lines with "Loading" have the form of those of PXELINUX, so that a console shows how far a
// boot came.
func text(c pxelinux.Config) string {
	var b strings.Builder
	index := slices.IndexFunc(c.Entries, func(e pxelinux.Entry) bool { return e.Label == c.Default })
	fmt.Fprintf(&b, "set default=%d\nset timeout=0\n", max(index, 0))
	for _, e := range c.Entries {
		fmt.Fprintf(&b, "menuentry %s {\n", quote(e.Label))
		load(&b, "  ", "linux", []string{fromRoot(e.Kernel)}, words(e.Append))
		if e.Initrd != "" {
			load(&b, "    ", "initrd", initrds(e), nil)
			b.WriteString("      boot\n    fi\n  fi\n")
		} else {
			b.WriteString("    boot\n  fi\n")
		}
		b.WriteString("  echo 'netboot: GRUB could not boot this entry; the guest restarts in 30 seconds'\n  sleep 30\n  reboot\n}\n")
	}
	return b.String()
}

// load writes a command that loads files, and begins what runs if it succeeds.
func load(b *strings.Builder, indent, command string, files, arguments []string) {
	fmt.Fprintf(b, "%secho -n %s\n", indent, quote("Loading "+strings.Join(files, ",")+"..."))
	fmt.Fprintf(b, "%sif %s", indent, command)
	for _, word := range append(files, arguments...) {
		b.WriteString(" " + quote(word))
	}
	fmt.Fprintf(b, "; then\n%s  echo ' ok'\n", indent)
}

func initrds(e pxelinux.Entry) (paths []string) {
	for _, path := range e.Initrds() {
		paths = append(paths, fromRoot(path))
	}
	return paths
}

// fromRoot is the path of a file for GRUB. A path with a device, such as (http,192.168.150.1)/kernel, stays as it is.
func fromRoot(path string) string {
	if strings.HasPrefix(path, "(") {
		return path
	}
	return "/" + strings.TrimLeft(path, "/")
}

// CommandLine is the command line that GRUB passes to the kernel of an entry.
//
// grub-core/loader/i386/linux.c grub_cmd_linux(): "BOOT_IMAGE=" and the arguments of the command.
func CommandLine(e pxelinux.Entry) string {
	line := []string{passed(fromRoot(e.Kernel))}
	for _, word := range words(e.Append) {
		line = append(line, passed(word))
	}
	return "BOOT_IMAGE=" + strings.Join(line, " ")
}

// passed is what a kernel gets for a word: grub-core/lib/cmdline.c grub_create_loader_cmdline() puts a word with a blank in quotes,
// and a backslash before each quote and backslash.
func passed(word string) string {
	escaped := strings.NewReplacer(`\`, `\\`, `'`, `\'`, `"`, `\"`).Replace(word)
	if strings.Contains(word, " ") {
		return `"` + escaped + `"`
	}
	return escaped
}

// words splits the arguments of a kernel as Linux does, lib/cmdline.c next_arg(): blanks separate words, but not between quotes.
// The words have no quotes, because GRUB writes them around a word with a blank: for Linux, "name=a b" and name="a b" are the same.
func words(arguments string) (all []string) {
	for _, word := range Words(arguments) {
		name, value, _ := strings.Cut(word, "=")
		switch {
		case isQuoted(word):
			word = word[1 : len(word)-1]
		case isQuoted(value):
			word = name + "=" + value[1:len(value)-1]
		}
		if word != "" {
			all = append(all, word)
		}
	}
	return all
}

func isQuoted(s string) bool {
	return len(s) > 1 && strings.HasPrefix(s, `"`) && strings.HasSuffix(s, `"`)
}

// Words splits the arguments of a kernel, and keeps the quotes.
func Words(arguments string) []string {
	quoted := false
	return strings.FieldsFunc(arguments, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t')
	})
}

// meant is the reverse of words for one word.
func meant(word string) string {
	name, value, found := strings.Cut(word, "=")
	switch {
	case !strings.Contains(word, " "):
		return word
	case found && !strings.Contains(name, " "):
		return name + `="` + value + `"`
	}
	return `"` + word + `"`
}

// plain are the characters that mean themselves in GRUB's shell: grub-core/script/yylex.l CHAR without those that expand to the
// names of files (grub-core/commands/wildcard.c), and without "!" and "#", which mean something at the start of a word.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/.,:=_-+%@~^"

// reserved are the words of GRUB's shell, grub-core/script/yylex.l.
var reserved = strings.Fields("[[ ]] case do done elif else esac fi for if in select then until while function")

// quote writes a word for GRUB's shell.
func quote(word string) string {
	if word != "" && strings.Trim(word, plain) == "" && !slices.Contains(reserved, word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Boot returns the entry that GRUB boots without a user.
//
// grub-core/normal/menu.c get_entry_number() compares the title, and run_menu() takes the first entry if no entry has it.
func Boot(c pxelinux.Config) (pxelinux.Entry, error) {
	if len(c.Entries) == 0 {
		return pxelinux.Entry{}, errors.New("there is no entry")
	}
	at := slices.IndexFunc(c.Entries, func(e pxelinux.Entry) bool { return e.Label == cmp.Or(c.Default, c.Entries[0].Label) })
	return c.Entries[max(at, 0)], nil
}
