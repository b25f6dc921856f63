package pxelinux

import (
	"fmt"
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	with := func(change func(*Entry)) Config {
		e := Entry{Label: "a", Kernel: "k", Initrd: "i"}
		change(&e)
		return Config{Entries: []Entry{{Label: "first", Kernel: "k", Initrd: "i"}, e}}
	}
	kernel := func(path string) Config { return with(func(e *Entry) { e.Kernel = path }) }
	initrd := func(path string) Config { return with(func(e *Entry) { e.Initrd = path }) }
	arguments := func(text string) Config { return with(func(e *Entry) { e.Append = text }) }
	label := func(text string) Config { return with(func(e *Entry) { e.Label = text }) }

	for _, test := range []struct {
		name   string
		config Config
		want   []string // "entry field part of the message" of each problem
	}{
		{"good", kernel("s390x/kernel.ubuntu"), nil},
		{"no entry", Config{}, []string{"-1  no entry"}},
		{"longest path", kernel(strings.Repeat("x", 206)), nil},
		{"path too long", kernel(strings.Repeat("x", 207)), []string{"1 kernel (207 bytes) is too long; the firmware overwrites its own memory if a path has more than 206 bytes"}},
		{"initrd path too long", initrd(strings.Repeat("x", 207)), []string{"1 initrd is too long"}},
		{"longest append", arguments(strings.Repeat("x", 895)), nil},
		{"append too long", arguments(strings.Repeat("x", 896)), []string{"1 append (896 bytes) is too long; the kernel gets the first 895 bytes"}},
		{"no kernel", kernel(""), []string{"1 kernel is missing"}},
		{"no initrd", initrd(""), []string{"1 initrd is missing"}},
		{"no label", label(""), []string{"1 label is empty"}},
		{"label twice", label("first"), []string{`1 label "first" is used twice`}},
		{"label with blanks inside", label("a b\tc"), nil},
		{"label with blanks around", label(" a"), []string{"1 label begins or ends with a blank"}},
		{"label with a comment", label("a # c"), []string{`1 label a word that begins with "#"`}},
		{"absolute path", kernel("/k"), nil},
		{"kernel with a blank", kernel("k quiet"), []string{"1 kernel has a blank"}},
		{"kernel with a tab", kernel("k\tquiet"), []string{"1 kernel has a blank"}},
		{"kernel with a newline", kernel("k\ninitrd j"), []string{"1 kernel has a blank", "1 kernel control character"}},
		{"carriage return", arguments("quiet\r"), []string{"1 append control character", "1 append begins or ends with a blank"}},
		{"escape", label("\x1b[2J"), []string{"1 label control character"}},
		{"NUL", kernel("k\x00"), []string{"1 kernel control character"}},
		{"trailing blank", initrd("i "), []string{"1 initrd begins or ends with a blank"}},
		{"URL", kernel("http://h/k"), []string{"1 kernel is a URL"}},
		{"URL of an initrd", initrd("tftp://h/i"), []string{"1 initrd is a URL"}},
		{"server prefix", kernel("192.168.1.1::k"), []string{"1 kernel names a server"}},
		{"path upwards", kernel("a/../k"), []string{"1 kernel leads upwards"}},
		{"dots in a name", kernel("a..b"), nil},
		{"directory", kernel("s390x/"), []string{"1 kernel directories"}},
		{"list of initrds", initrd("a,b"), []string{"1 initrd has a comma"}},
		{"comma in a kernel", kernel("a,b"), nil},
		{"append initrd", arguments("quiet initrd=i"), []string{"1 append names an initrd"}},
		{"append of another initrd argument", arguments("rd.initrd=i"), nil},
		{"append dash", arguments("-"), []string{`1 append is "-"`}},
		{"append with dashes", arguments("ip=dhcp --- quiet"), nil},
		{"append with a comment", arguments("quiet #now"), []string{`1 append a word that begins with "#"`}},
		{"append with #", arguments("url=http://h/#a"), nil},
		{"append with blanks around", arguments(" quiet"), []string{"1 append begins or ends with a blank"}},
		{"append like the generated one", arguments("BOOT_IMAGE=k"), []string{"1 append stands for an empty append"}},
		{"append with another image", arguments("BOOT_IMAGE=k quiet"), nil},
		{"append with a backslash at its end", arguments(`x=1 \`), []string{`1 append has a backslash at the end of a line; the firmware does not join lines`}},
		{"append with a continued line", arguments("x=1 \\\n y=2"), []string{"1 append has a backslash at the end of a line"}},
		{"append with a joined line", arguments(`x=1 \ y=2`), []string{"1 append has a backslash at the end of a line"}},
		{"append with another backslash", arguments(`x=a\b`), nil},
		{"append with typographic quotes", arguments("x=“a”"), []string{"1 append has a typographic quote"}},
		{"append with an apostrophe", arguments("x=a’b"), []string{"1 append has a typographic quote"}},
		{"append with a typographic dash", arguments("ip=dhcp — quiet"), []string{"1 append has a typographic dash"}},
		{"append with another blank", arguments("ip=dhcp\u202fquiet"), []string{"1 append has a special blank such as U+00A0"}},
		{"append with a blank without width", arguments("ip=\u200bdhcp"), []string{"1 append has an invisible character"}},
		{"append in another language", arguments("name=Zürich"), []string{"1 append has a letter that is not ASCII"}},
		{"label in another language", label("Zürich"), nil},
		{"kernel with a typographic dash", kernel("linux–6"), []string{"1 kernel has a typographic dash"}},
		{"label with a backslash", label(`a \`), []string{"1 label has a backslash"}},
		{"default", Config{"a", kernel("k").Entries}, nil},
		{"unknown default", Config{"b", kernel("k").Entries}, []string{`-1 default no entry has the label "b"`}},
		{"default of another case", Config{"A", kernel("k").Entries}, []string{`-1 default no entry has the label "A"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			compareFields(t, Validate(test.config, SeparateLoader), test.want)
			if _, err := Render(test.config, SeparateLoader); (err != nil) != (len(test.want) > 0) {
				t.Errorf("Render: %v", err)
			}
		})
	}
}

// compareFields matches problems with "entry field part of the message" each.
func compareFields(t *testing.T, problems []Problem, want []string) {
	t.Helper()
	if len(problems) != len(want) {
		t.Fatalf("got %d problems %v, want %q", len(problems), problems, want)
	}
	for i, p := range problems {
		where := fmt.Sprintf("%d %s ", p.Entry, p.Field)
		part, found := strings.CutPrefix(want[i], where)
		if !found || !strings.Contains(p.Message, part) || p.Remedy == "" || p.Severity != Error {
			t.Errorf("problem %s%q, want %q", where, p.Message, want[i])
		}
	}
}

func TestValidateRemedies(t *testing.T) {
	problems := Validate(Config{"Ubuntu", []Entry{{Label: "ubuntu", Kernel: "k", Initrd: "i"}}}, SeparateLoader)
	if len(problems) != 1 || problems[0].Remedy != `write "ubuntu", because case matters` {
		t.Errorf("got %v", problems)
	}
}

func TestValidateSizes(t *testing.T) {
	entries := func(count, size int) Config {
		var c Config
		for i := range count {
			c.Entries = append(c.Entries, Entry{Label: fmt.Sprintf("e%02d", i), Kernel: "k", Initrd: "i", Append: strings.Repeat("x", size)})
		}
		return c
	}
	compareFields(t, Validate(entries(15, 80), SeparateLoader), nil)
	compareFields(t, Validate(entries(16, 10), SeparateLoader), []string{"15 label this is entry 16; firmware before QEMU 10.1 uses 15"})

	compareFields(t, Validate(entries(30, 10), Menu), nil)
	compareFields(t, Validate(entries(31, 10), Menu), []string{"30 label this is entry 31; the firmware uses 30"})
	if problems := Validate(entries(30, 10), UnknownFirmware); len(problems) != 1 || problems[0].Severity != Warning {
		t.Errorf("30 entries for unknown firmware: %v, want one warning", problems)
	}

	large := entries(15, 80)
	large.Entries[0].Append += strings.Repeat("x", MaxFileSize-len(libnetText(large)))
	compareFields(t, Validate(large, SeparateLoader), nil)
	large.Entries[0].Append += "x"
	compareFields(t, Validate(large, SeparateLoader), []string{"-1  the file has 2048 bytes; the firmware reads at most 2047"})
}
