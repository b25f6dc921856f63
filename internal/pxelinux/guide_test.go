package pxelinux

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
)

// TestGuide checks that the guide "What the firmware reads" has the limits of this package.
func TestGuide(t *testing.T) {
	docs.CheckTables(t, "what-the-firmware-reads", "pxelinux", guideTable())
}

// TestGuideCommandLines checks that the command lines in the guide "Install a distribution" reach the kernel as they are, that
// the example next to them has the same arguments, and that the guide has their lengths.
func TestGuideCommandLines(t *testing.T) {
	page := readFile(t, "../docs/templates/guides/install-a-distribution.md.tmpl")
	example := readFile(t, "../../examples/distributions/main.tf")
	var table strings.Builder
	table.WriteString("\n| Section | Bytes of each command line |\n|---|---|\n")
	for _, section := range strings.Split(page, "\n## ")[1:] {
		heading, text, _ := strings.Cut(section, "\n")
		var lengths []string
		for _, line := range guideCommandLines(text) {
			checkCommandLine(t, line)
			checkInExample(t, line, example)
			lengths = append(lengths, fmt.Sprint(len(line)))
		}
		if len(lengths) > 0 {
			fmt.Fprintf(&table, "| %s | %s |\n", heading, strings.Join(lengths, ", "))
		}
	}
	docs.CheckTables(t, "install-a-distribution", "pxelinux", table.String()+"\n")
}

// guideCommandLines returns what follows "append" in a text.
func guideCommandLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if arguments, ok := strings.CutPrefix(line, keywordAppend+" "); ok {
			lines = append(lines, strings.TrimSpace(arguments))
		}
	}
	return lines
}

// checkCommandLine checks that s390x firmware passes a command line to the kernel without a change.
func checkCommandLine(t *testing.T, line string) {
	t.Helper()
	config := Config{Entries: []Entry{{Label: "install", Kernel: "kernel", Initrd: "initrd", Append: line}}}
	if problems := Validate(config, UnknownFirmware); len(problems) > 0 {
		t.Errorf("append %s\n%v", line, problems)
	}
	text, err := Render(config, UnknownFirmware)
	if err != nil {
		t.Fatal(err)
	}
	if read, problems := Parse(text, UnknownFirmware); !reflect.DeepEqual(read, config) || len(problems) > 0 {
		t.Errorf("append %s\nis read as %+v, %v", line, read, problems)
	}
}

// checkInExample checks that an example has each argument of a command line, with the variables of the example.
func checkInExample(t *testing.T, line, example string) {
	t.Helper()
	variables := strings.NewReplacer("http://192.0.2.80", "${var.web}",
		"https://dl.fedoraproject.org/pub/fedora-secondary/releases/43/Server/s390x/os", "${var.fedora_tree}")
	for argument := range strings.FieldsSeq(variables.Replace(line)) {
		if !strings.Contains(example, `"`+argument+`"`) {
			t.Errorf("the example does not have %s", argument)
		}
	}
}

func guideTable() string {
	generations := []Firmware{SeparateLoader, Merged, Menu}
	var b strings.Builder
	row := func(what string, value func(Firmware) string) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, f := range generations {
			fmt.Fprintf(&b, " %s |", value(f))
		}
		b.WriteString("\n")
	}
	always := func(limit int) func(Firmware) string {
		return func(Firmware) string { return fmt.Sprintf("%d bytes", limit) }
	}
	b.WriteString("\n| | QEMU before 9.2 | 9.2 and 10.0 | 10.1 and later |\n|---|---|---|---|\n")
	row("A configuration", always(MaxFileSize))
	row("`append`", always(MaxAppendSize))
	row("A path, with all that DHCP puts in front", always(MaxPathSize))
	row("Entries", func(f Firmware) string { return fmt.Sprint(f.MaxEntries()) })
	row("Kernel and initrd, guest of 512 MiB", guideRoom(512*mebibyte))
	row("Kernel and initrd, guest of 4 GiB", guideRoom(4096*mebibyte))
	row("Least memory", func(f Firmware) string { return mebibytes(f.MinMemory()) })
	row("`loadparm` chooses an entry, menu", func(f Firmware) string { return map[bool]string{true: "yes", false: "no"}[f == Menu] })
	return b.String() + "\n"
}

func guideRoom(memory uint64) func(Firmware) string {
	return func(f Firmware) string { return mebibytes(f.MaxLoad(memory)) }
}
