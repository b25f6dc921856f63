package pxelinux

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// blobScript has the lines of s390-tools netboot/mk-pxelinux-ramfs that read a file, for each argument here.
const blobScript = `
for file; do
kernel=$(grep -i "^[[:space:]]*kernel" "$file" | sed "s/^[[:space:]]*kernel[[:space:]]*//I")
initrd=$(grep -i "^[[:space:]]*initrd" "$file" | sed "s/^[[:space:]]*initrd[[:space:]]*//I")
append=$(grep -i "^[[:space:]]*append" "$file" | sed "s/^[[:space:]]*append[[:space:]]*//I")
printf 'file %s\nkernel %s\ninitrd %s\nappend %s\n' "$file" "$kernel" "$initrd" "$append"
done
`

// TestBlobScript compares what the script reads with what Parse reads, for cases of other readers.
func TestBlobScript(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	var files []string
	var want strings.Builder
	for _, pattern := range []string{"testdata/*.cfg", "testdata/conformance/ppc64le/*.cfg", "testdata/conformance/x86_64/[a-k]*.cfg"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var e Entry
		if config, _ := Parse(string(text), Blob); len(config.Entries) > 0 {
			e = config.Entries[0]
		}
		trimmed := func(value string) string { return strings.TrimRight(value, "\n") } // as the shell does
		fmt.Fprintf(&want, "file %s\nkernel %s\ninitrd %s\nappend %s\n", file, trimmed(e.Kernel), trimmed(e.Initrd), trimmed(e.Append))
	}
	command := exec.CommandContext(t.Context(), shell, append([]string{"-c", blobScript, "script"}, files...)...)
	command.Env = append(os.Environ(), "LC_ALL=C")
	got, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Errorf("the script reads\n%s\nand Parse\n%s", got, want.String())
	}
}

func TestBlob(t *testing.T) {
	entry := Entry{Label: "a", Kernel: "k", Initrd: "i", Append: strings.Repeat("x", 1431)}
	one := Config{Entries: []Entry{entry}}
	text, err := Render(one, Blob)
	if err != nil {
		t.Fatal(err)
	}
	got, problems := Parse(text, Blob)
	if len(problems) > 0 || !slices.Equal(got.Entries, []Entry{entry}) {
		t.Errorf("got %+v, %v", got, problems)
	}
	for text, want := range map[string]string{
		"label a\nkernel k\ninitrd i\nlabel b\nkernel k2\ninitrd i2\n": "joins this kernel line with the one in line 2",
		"label a\ninitrd i\n":              "kernel is missing",
		"kernel k\r\ninitrd i\n":           "carriage return",
		"kernel k quiet\n":                 "has a blank",
		"kernel k\nappend x\nipappend 2\n": "adds nothing to append for ipappend",
		"kernel k*\n":                      "has a wildcard",
		"kernel k\ninitrd a,b\n":           "has a comma",
		"kernel http://server/k\n":         "is a URL; the script knows only TFTP",
		"kernel k\nappend a # b\n":         "the script knows comments only on separate lines",
		"kernel k\nappend initrd=i\n":      "names an initrd",
		"kernel k\nappend “a”\n":           "has a typographic quote",
		"linux k\ninitrd i\n":              "kernel is missing",
		"# nothing\n":                      "reads one entry, but there are 0",
	} {
		problems := ValidateText(text, Blob)
		if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.Message, want) }) {
			t.Errorf("%q: got %v, want %q", text, problems, want)
		}
	}
	for _, c := range []Config{
		{Entries: []Entry{{Label: "a\nkernel b", Kernel: "k"}}},
		{Entries: []Entry{{Label: "a", Kernel: "k", Append: "x\nkernel b"}}},
		{Entries: []Entry{{Label: "a", Kernel: "k"}}, Default: "b"},
		{Entries: []Entry{{Label: "a", Kernel: "k"}, {Label: "b", Kernel: "k"}}},
	} {
		if text, err := Render(c, Blob); err == nil {
			t.Errorf("%+v: got %q, want an error", c, text)
		}
	}
	for _, e := range []Entry{{Label: "a", Kernel: "k"}, {Label: "a b", Kernel: "k", Append: "x"}} { // there is no line without a value
		text, err := Render(Config{Entries: []Entry{e}, Default: e.Label}, Blob)
		if again, problems := Parse(text, Blob); err != nil || len(problems) > 0 || !slices.Equal(again.Entries, []Entry{e}) || strings.Contains(text, "initrd") {
			t.Errorf("%q: got %+v, %v, %v", text, again, problems, err)
		}
	}
	paths, err := Search{Reader: Blob, UUID: "0A1B2C3D-0000-4000-8000-00000000002A", MAC: "52:54:00:12:34:56", IPv4: "10.9.0.33", ConfigFile: "x", PathPrefix: "tree/", BootFile: "blob/pxelinux.0"}.Paths()
	if files := FilesOf("kernel k\ninitrd i\n"); !slices.Equal(files, []string{"i", "k"}) {
		t.Errorf("got the files %q of a configuration without a label", files)
	}
	if by, _ := ReaderOf(S390Tools); by != Blob {
		t.Errorf("got %v for %q", by, S390Tools)
	}
	if err != nil || paths[0] != "tree/pxelinux.cfg/0a1b2c3d-0000-4000-8000-00000000002a" || len(paths) != 11 {
		t.Errorf("got %q, %v", paths, err)
	}
}
