package pxelinux

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// oneEntry is the configuration of most texts below.
var oneEntry = Config{Entries: []Entry{{Label: "a", Kernel: "k", Initrd: "i", Append: "x=1"}}}

// TestParse has a row for each observed behaviour of the firmware.
func TestParse(t *testing.T) {
	entry := func(label, kernel, initrd, arguments string) Config {
		return Config{Entries: []Entry{{Label: label, Kernel: kernel, Initrd: initrd, Append: arguments}}}
	}
	for _, test := range []struct {
		name, text string
		want       Config
		problems   []string // "line:column severity part of the message" of each
	}{
		{"plain", "label a\nkernel k\ninitrd i\nappend x=1\n", oneEntry, nil},
		{"blanks and CRLF", "  label a \r\n\t kernel  k\t\r\n\tinitrd   i\r\n append \t x=1  \r\n", oneEntry, nil},
		{"no final newline", "label a\nkernel k\ninitrd i\nappend x=1", oneEntry, []string{"4:10 warning loses the last character"}},
		{"keyword case", "LABEL a\nKernel k\ninitRD i\nAPPEND x=1\n", oneEntry, nil},
		{"not the letter k", "label a\n\u212aernel k\n", entry("a", "", "", ""), []string{"2:1 error does not know"}},
		{"comments and blank lines", "# c\n\n  # c\nlabel a\n\nkernel k\ninitrd i\nappend x=1\n", oneEntry, nil},
		{"comment in a line", "label a # c\nkernel k\n", entry("a # c", "k", "", ""), nil},
		{"byte order mark", "\ufefflabel a\nkernel k\n", Config{}, []string{"1:1 error does not know"}},
		{"byte order mark alone", "\ufeff\r\nlabel a\n", entry("a", "", "", ""), []string{"1:1 error without a value"}},
		{"continuation", "label a\nappend x=1 \\\n y=2 z=3 \\ \r\n  quiet\nkernel k\n", entry("a", "k", "", `x=1 \`), nil},
		{"continuation, then more", "label a\nappend x=1 \\\n\nprompt 0\n", entry("a", "", "", `x=1 \`), []string{"4:1 error does not know"}},
		{"continuation of a line that is ignored", "label a\nsay x \\\n y\n", entry("a", "", "", ""), []string{"2:1 error does not know"}},
		{"label with another blank", "label a\nkernel k\nlabel\u00a0b\nkernel j\nlabel c\nsay x\n",
			Config{Entries: []Entry{{Label: "a", Kernel: "j"}, {Label: "c"}}}, []string{"3:1 error without a value", "6:1 error does not know"}},
		{"line with other blanks", "label a\n\u00a0\u00a0kernel k\n", entry("a", "", "", ""), []string{"2:1 error does not know"}},
		{"tab, no space", "label\ta\nkernel\tk\ninitrd\ti\nappend\tx=1\n", oneEntry, nil},
		{"tab, then a space", "label a\nappend\ta=1 b=2\n", entry("a", "", "", ""), []string{"2:1 error does not know"}},
		{"tab in a value", "label a\nappend a=1\tb=2\n", entry("a", "", "", "a=1\tb=2"), nil},
		{"keyword without value", "label a\nkernel k\nappend \n", entry("a", "k", "", ""), []string{"3:1 error without a value"}},
		{"label without value", "label\nkernel k\n", Config{}, []string{"1:1 error without a value", "2:1 error does not know"}},
		{"linux", "label a\nlinux k\n", entry("a", "", "", ""), []string{"2:1 error does not know"}},
		{"other keywords", "prompt 0\nui menu.c32\nlabel a\n  menu label A\n  ipappend 2\n", entry("a", "", "", ""),
			[]string{"1:1 error prompt", "2:1 error ui", "4:3 error menu", "5:3 error ipappend"}},
		{"kernel before a label", "kernel k\nlabel a\n", entry("a", "", "", ""), []string{"1:1 error does not know"}},
		{"append initrd=", "label a\nappend initrd=i x=1\n", entry("a", "", "", "initrd=i x=1"), nil},
		{"list of initrds", "label a\ninitrd a,b\n", entry("a", "", "a,b", ""), nil},
		{"append -", "label a\nappend -\n", entry("a", "", "", "-"), nil},
		{"URL", "label a\nkernel http://h/k\n", entry("a", "http://h/k", "", ""), nil},
		{"keyword twice", "label a\nkernel j\nkernel k\n", entry("a", "k", "", ""), []string{"3:8 error ignores the one in line 2"}},
		{"default", "default b\nlabel a\nlabel b\n", Config{"b", []Entry{{Label: "a"}, {Label: "b"}}}, nil},
		{"default below its label", "label a\ndefault a\n", entry("a", "", "", ""), []string{"2:9 error boots the first entry"}},
		{"default of another case", "default A\nlabel a\n", entry("a", "", "", ""), []string{"1:9 error boots the first entry"}},
		{"unknown default", "default c\nlabel a\n", entry("a", "", "", ""), []string{"1:9 error boots the first entry"}},
		{"default twice", "default a\nlabel a\ndefault b\nlabel b\n", Config{"b", []Entry{{Label: "a"}, {Label: "b"}}}, []string{"3:9 error more than one default"}},
		{"implicit label", "default k\n", Config{}, []string{"1:9 error no label below"}},
		{"label with blanks", "label a b  c\n", entry("a b  c", "", "", ""), nil},
		{"long label", "label " + strings.Repeat("x", 300) + "\n", entry(strings.Repeat("x", 300), "", "", ""), nil},
		{"kernel with a slash", "label a\nkernel /k\n", entry("a", "/k", "", ""), nil},
		{"generated append", "label a\nappend BOOT_IMAGE=k\nkernel k\n", entry("a", "k", "", ""), nil},
		{"NUL", "label a\nkernel k\x00k\ninitrd i\n", entry("a", "k", "", ""), []string{"2:9 error NUL"}},
		{"empty", "", Config{}, nil},
		{"largest", "label a\n#" + strings.Repeat("x", MaxFileSize-10) + "\n", entry("a", "", "", ""), nil},
		{"too large", "label a\n#" + strings.Repeat("x", MaxFileSize-9) + "\n", Config{}, []string{"0:0 error 2048 bytes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, problems := Parse(test.text, UnknownFirmware)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
			comparePlaces(t, problems, test.problems)
		})
	}
}

// comparePlaces matches problems with "line:column severity part of the message" each.
func comparePlaces(t *testing.T, problems []Problem, want []string) {
	t.Helper()
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%d:%d %s %s", p.Line, p.Column, p.Severity, p.Message))
		if p.Message == "" || p.Remedy == "" {
			t.Errorf("problem without message or remedy: %+v", p)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %d problems %q, want %q", len(got), got, want)
	}
	for i := range got {
		words := strings.SplitN(want[i], " ", 3) // place, severity, part of the message
		if !strings.HasPrefix(got[i], words[0]+" "+words[1]+" ") || !strings.Contains(got[i], words[2]) {
			t.Errorf("problem %q, want %q", got[i], want[i])
		}
	}
}

// TestParseEntries reads as many labels as the firmware does; the next loses its keywords.
func TestParseEntries(t *testing.T) {
	const labels = 32
	var text strings.Builder
	for i := range labels {
		fmt.Fprintf(&text, "label e%d\nkernel k\n", i)
	}
	for firmware, want := range map[Firmware][]string{
		SeparateLoader:  {"31:7 error this is entry 16; firmware before QEMU 10.1 uses 15"},
		Merged:          {"31:7 error this is entry 16"},
		Menu:            {"61:7 error this is entry 31; the firmware uses 30"},
		UnknownFirmware: {"31:7 warning this is entry 16", "61:7 error this is entry 31"},
	} {
		got, problems := Parse(text.String(), firmware)
		if len(got.Entries) != firmware.MaxEntries() || got.Entries[len(got.Entries)-1].Kernel != "k" {
			t.Errorf("%v: got %d entries, the last %+v", firmware, len(got.Entries), got.Entries[len(got.Entries)-1])
		}
		comparePlaces(t, problems, want)
	}
}

// TestValidateText compares the problems of each testdata/*.cfg with the .problems file next to it. A file without
// a .problems file has no problems.
func TestValidateText(t *testing.T) {
	files, err := filepath.Glob("testdata/*.cfg")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text := readFile(t, file)
			var got strings.Builder
			for _, p := range ValidateText(text, UnknownFirmware) {
				fmt.Fprintf(&got, "%s: entry %d %s: %s\n", p.Severity, p.Entry, p.Field, p.Error())
			}
			golden := strings.TrimSuffix(file, ".cfg") + ".problems"
			want := ""
			if _, err := os.Stat(golden); err == nil {
				want = readFile(t, golden)
			}
			if got.String() != want {
				t.Errorf("problems of %s:\n%s\nwant:\n%s", file, &got, want)
			}
		})
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
