package pxelinux

import (
	"fmt"
	"slices"
	"strings"
)

// The rules of PXELINUX. syslinux com32/elflink/ldlinux/readconfig.c removes no blanks at the end of a line, and they do no harm.
var (
	loaderValueRules = named("PXELINUX", slices.Concat([]rule{continuesRule, {hasControl,
		"has a control character; a line break begins a new line of the file, and the firmware treats other control characters as blanks",
		"remove the character"}, commentRule}, pastedRules))
	loaderLabelRules = slices.Concat([]rule{
		{isEmpty, "is empty, so no default line can name the entry", "give the entry a label"},
		{hasBlank, "has a blank, and PXELINUX takes only the first word as the label", "write a label of one word"},
	}, loaderValueRules)
	loaderPathRules = slices.Concat([]rule{
		{func(v string) bool {
			return slices.ContainsFunc(strings.Split(v, ","), func(p string) bool { return len(p) > MaxLoaderPath })
		},
			fmt.Sprintf("is too long; PXELINUX cuts a path after %d bytes", MaxLoaderPath),
			"shorten the name, or move the file closer to the directory of PXELINUX"},
		{hasBlank, "has a blank; PXELINUX takes the rest of the line for arguments of the kernel", "put arguments in append, and give the file a name without blanks"},
		parentRule, directoryRule,
	}, loaderValueRules)
	loaderKernelRules = slices.Concat([]rule{
		{isEmpty, "is missing; PXELINUX takes the label as the path of the kernel", "name a file below the TFTP root"},
		{namesInitrd, "has \"initrd=\" in its name; PXELINUX loads the file that follows these characters as the initrd", "give the file another name"},
	}, loaderPathRules)
	// com32/elflink/ldlinux/kernel.c new_linux_kernel(): "temp = strstr(cmdline, "initrd=")", a list that ends at a blank.
	loaderInitrdRules = slices.Concat([]rule{
		{func(v string) bool { return v != "" && slices.Contains(strings.Split(v, ","), "") },
			"has an empty path in its list; PXELINUX fails to load it", "separate the paths by single commas"},
	}, loaderPathRules)
	loaderAppendRules = slices.Concat([]rule{
		{namesInitrd, "has \"initrd=\"; PXELINUX loads the file that follows the first of these characters, instead of initrd", "name the file in initrd"},
		{func(v string) bool { return v == "-" }, "is \"-\", which PXELINUX takes for an empty append", "leave append empty"},
	}, loaderValueRules)
)

func hasBlank(value string) bool { return strings.ContainsFunc(value, isBlank) }

func namesInitrd(value string) bool { return strings.Contains(value, initrdWord) }

// check checks the values of a configuration.
func (l loader) check(c Config) []Problem {
	var problems []Problem
	if len(c.Entries) == 0 {
		problems = append(problems, Problem{
			Severity: Error, Entry: -1,
			Message: "there is no entry; PXELINUX stops at its prompt, and looks for no other file",
			Remedy:  "add an entry with label and kernel",
		})
	}
	problems = append(problems, l.checkDefault(c)...)
	for i, e := range c.Entries {
		problems = append(problems, violations(i, keywordLabel, e.Label, loaderLabelRules)...)
		if slices.ContainsFunc(c.Entries[:i], func(other Entry) bool { return other.Label == e.Label }) {
			problems = append(problems, Problem{
				Severity: Error, Entry: i, Field: keywordLabel,
				Message: fmt.Sprintf("label %q is used twice, and PXELINUX boots the first entry with it", e.Label),
				Remedy:  "give every entry its own label",
			})
		}
		if e.Type != "" {
			continue // PXELINUX boots another thing than Linux
		}
		problems = append(problems, violations(i, keywordKernel, e.Kernel, loaderKernelRules)...)
		problems = append(problems, violations(i, keywordInitrd, e.Initrd, loaderInitrdRules)...)
		problems = append(problems, violations(i, keywordAppend, e.Append, loaderAppendRules)...)
		problems = append(problems, l.checkCommandLine(i, e)...)
	}
	return problems
}

// checkDefault checks that the default names an entry.
func (loader) checkDefault(c Config) []Problem {
	if c.Default == "" {
		return nil // text writes the first label
	}
	remedy := "name one of the labels"
	for _, e := range c.Entries {
		if c.Default == e.Label {
			return nil
		}
		if strings.EqualFold(c.Default, e.Label) {
			remedy = fmt.Sprintf("write %q, because case matters", e.Label)
		}
	}
	problem := Problem{
		Severity: Error, Entry: -1, Field: keywordDefault,
		Message: fmt.Sprintf("no entry has the label %q, so PXELINUX takes it as the path of a kernel", c.Default),
		Remedy:  remedy,
	}
	if label, _ := cutWord(c.Default); slices.ContainsFunc(c.Entries, func(e Entry) bool { return e.Label == label }) {
		problem.Message = fmt.Sprintf("default %q has a blank; PXELINUX boots the entry %q and adds the rest to its command line", c.Default, label)
		problem.Remedy = "write only the label, and put arguments in append"
	}
	return []Problem{problem}
}

// checkCommandLine checks the limits of the command line.
func (l loader) checkCommandLine(i int, e Entry) []Problem {
	line := e.CommandLine()
	if len(line) <= MaxCommandLine {
		return nil
	}
	happens := fmt.Sprintf("an x86 kernel gets the first %d bytes, and PXELINUX cuts off the rest without a message", MaxCommandLine)
	if l.commandSize(e) >= maxCommand {
		happens = "PXELINUX refuses this, says \"cmdline too long\" and stops at its prompt"
	}
	return []Problem{{
		Severity: Error, Entry: i, Field: keywordAppend,
		Message: fmt.Sprintf("the command line has %d bytes, with the paths of the kernel and the initrd, which PXELINUX adds to it as BOOT_IMAGE= and initrd=; %s", len(line), happens),
		Remedy:  fmt.Sprintf("shorten append by %d bytes, or move arguments into a file that the installer loads", len(line)-MaxCommandLine),
	}}
}

// commandSize is the size of what execute() compares with maxCommand.
func (l loader) commandSize(e Entry) int {
	size := len(e.CommandLine()) - len("BOOT_IMAGE=")
	if l.kernelKeyword(e) == keywordLinux {
		size += len(".linux ")
	}
	return size
}

// limits checks nothing: a file of 200 KB with the label at its end, and 300 entries, were measured to boot.
func (loader) limits(Config) []Problem { return nil }
