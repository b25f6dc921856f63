package pxelinux

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Blob is the old boot loader of s390-tools for s390x guests: one file with a Linux kernel and an initrd, which DHCP names as the
// bootfile. Its initrd has a shell script that fetches a configuration and starts another kernel by kexec. The rules are those of
// the script in s390-tools netboot/mk-pxelinux-ramfs at c6649588. TestBlobScript runs the script's lines that read a file.
var Blob Reader = blob{}

type blob struct{}

func (blob) String() string { return "the boot loader of s390-tools" }

// blobKeywords are what the script looks for, and the label, which it ignores.
var blobKeywords = []string{keywordKernel, keywordInitrd, keywordAppend, "ipappend", keywordLabel}

// read follows "grep -i "^[[:space:]]*kernel" /tmp/config | sed "s/^[[:space:]]*kernel[[:space:]]*//I"", and so on. The keyword
// needs no blank after it. Each line with a keyword adds to its value. The script ignores labels: the first one names the entry for
// people.
func (blob) read(text string) *reading {
	r := newReading()
	var entry Entry
	values := map[string]*string{keywordKernel: &entry.Kernel, keywordInitrd: &entry.Initrd, keywordAppend: &entry.Append, "ipappend": new(string), keywordLabel: &entry.Label}
	number := 0
	for line := range strings.Lines(text) {
		number++
		body := strings.TrimLeft(strings.TrimSuffix(line, "\n"), posixSpace)
		keyword := blobKeyword(body)
		if keyword == "" {
			continue
		}
		value := strings.TrimLeft(body[len(keyword):], posixSpace)
		at := position{number, len(strings.TrimSuffix(line, "\n")) - len(value) + 1}
		key := place{0, keyword}
		before, repeated := r.places[key]
		if repeated && keyword == keywordLabel {
			continue
		}
		if repeated {
			r.report(Error, 0, keyword, at, fmt.Sprintf("the script joins this %s line with the one in line %d, because it knows only one entry", keyword, before.line),
				"keep one entry in the file")
			value = *values[keyword] + "\n" + value
		}
		*values[keyword] = value
		r.places[key] = at
	}
	if len(r.places) == 0 {
		return r
	}
	if at, found := r.places[place{0, "ipappend"}]; found {
		// "$append="$append BOOTIF=01-$ifaddr"" is a command that does not exist. The boot continues without it (measured).
		r.report(Error, 0, "", at, "the script adds nothing to append for ipappend, because its own line for that is not valid",
			"remove the line, and write BOOTIF=01- with the MAC address into append if the guest needs it")
	}
	r.config.Entries = []Entry{entry}
	return r
}

// posixSpace is [[:space:]] within a line.
const posixSpace = " \t\v\f\r"

// blobKeyword is the keyword with which a line begins.
func blobKeyword(body string) string {
	for _, keyword := range blobKeywords {
		if len(body) >= len(keyword) && strings.EqualFold(body[:len(keyword)], keyword) {
			return keyword
		}
	}
	return ""
}

// The rules of the script. It writes paths unquoted into commands, so the shell splits them and replaces wildcards, and it removes no
// carriage return.
var (
	blobValueRules = named("the script", slices.Concat([]rule{
		continuesRule,
		{func(v string) bool { return strings.HasSuffix(v, "\r") },
			"ends with a carriage return, which becomes part of the value", "end the lines with newlines"},
		{func(v string) bool { return hasControl(strings.TrimSuffix(v, "\r")) },
			"has a control character; a line break begins a new line of the file, and other control characters reach the console and the TFTP server",
			"remove the character"},
		commentRule,
	}, pastedRules))
	blobPathRules = append([]rule{
		{func(v string) bool { return strings.ContainsAny(strings.TrimSuffix(v, "\r"), posixSpace) }, "has a blank, at which the shell of the script splits the path", "name a file without blanks"},
		{func(v string) bool { return strings.ContainsAny(v, "*[") }, "has a wildcard, which the shell of the script may replace", "name a file without * and ["},
		{func(v string) bool { return strings.Contains(v, "://") }, "is a URL; the script knows only TFTP, and asks its TFTP server for a file with that name", "publish the file below the TFTP root and write its path relative to that root"},
		parentRule, directoryRule,
	}, blobValueRules...)
	blobKernelRules = append([]rule{
		{isEmpty, "is missing; the script ends, and the kernel of the boot loader panics", "name a file"},
	}, blobPathRules...)
	blobInitrdRules = append([]rule{
		{func(v string) bool { return strings.Contains(v, ",") }, "has a comma; the script loads one initrd and takes a list as the name of one file", "join the files into one initrd, and give it a name without a comma"},
	}, blobPathRules...)
	blobArgumentRules = append([]rule{
		{func(v string) bool { return hasWord(v, "initrd=") }, "names an initrd; the script passes the word to the kernel and loads nothing", "name the file in initrd"},
		{hasForeignLetter, "has a letter that is not ASCII; because of it, an s390x kernel reads the whole command line as EBCDIC and understands none of it", "write it in ASCII"},
	}, blobValueRules...)
)

// check checks what the script reads. append has no limit of the script: it has the limit of the kernel that kexec starts.
func (blob) check(c Config) []Problem {
	if len(c.Entries) != 1 {
		return []Problem{{
			Severity: Error, Entry: -1,
			Message: fmt.Sprintf("the boot loader of s390-tools reads one entry, but there are %d", len(c.Entries)),
			Remedy:  "keep one entry in the file",
		}}
	}
	e := c.Entries[0]
	problems := violations(0, keywordLabel, e.Label, blobValueRules)
	problems = append(problems, violations(0, keywordKernel, e.Kernel, blobKernelRules)...)
	problems = append(problems, violations(0, keywordInitrd, e.Initrd, blobInitrdRules)...)
	problems = append(problems, violations(0, keywordAppend, e.Append, blobArgumentRules)...)
	if c.Default != "" && c.Default != e.Label {
		problems = append(problems, Problem{
			Severity: Error, Entry: -1, Field: keywordDefault,
			Message: fmt.Sprintf("no entry has the label %q, and the boot loader of s390-tools ignores the default", c.Default),
			Remedy:  "remove default",
		})
	}
	return problems
}

// limits checks nothing: the script keeps the file on a file system in memory.
func (blob) limits(Config) []Problem { return nil }

// text has no line without a value, which the script would not need. Parse reads it back as it was.
func (blob) text(c Config) string {
	var b strings.Builder
	for _, e := range c.Entries {
		fmt.Fprintf(&b, "label %s\n  kernel %s\n", e.Label, e.Kernel)
		if e.Initrd != "" {
			fmt.Fprintf(&b, "  initrd %s\n", e.Initrd)
		}
		if e.Append != "" {
			fmt.Fprintf(&b, "  append %s\n", e.Append)
		}
	}
	return b.String()
}

func (blob) boot(c Config, _ string) (Entry, error) {
	if c.Entries[0].Kernel == "" {
		return Entry{}, errors.New("no kernel statement found in config")
	}
	return c.Entries[0], nil
}

// UUIDFileName returns the same name as for the firmware: the script takes the UUID from /proc/sysinfo, where Linux
// arch/s390/kernel/sysinfo.c print_uuid() writes it in lower case.
func (blob) UUIDFileName(uuid string) (string, error) { return UUIDFileName(uuid) }

// UUIDOf returns the name, which is the UUID.
func (blob) UUIDOf(name string) string { return name }

// paths are the paths of configurations. The script puts option 210 in front of "pxelinux.cfg/", and in front of kernels and
// initrds. It requests option 209, but does not use it. It takes an empty file for a configuration.
func (l blob) paths(s Search) ([]string, error) {
	names, err := s.names(l)
	if err != nil {
		return nil, err
	}
	for i := range names {
		names[i] = s.PathPrefix + directory + names[i]
	}
	return names, nil
}
