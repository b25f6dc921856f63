package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var parsedEntryType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
	"label": tftypes.String, "kernel": tftypes.String, "initrd": tftypes.String, "append": tftypes.List{ElementType: tftypes.String},
}}

// entryValue is an entry as pxelinux_parse returns it; "" is null.
func entryValue(label, kernel, initrd, arguments string) tftypes.Value {
	orNull := func(s string) tftypes.Value {
		if s == "" {
			return tftypes.NewValue(tftypes.String, nil)
		}
		return text(s)
	}
	list := tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, nil)
	if arguments != "" {
		var words []tftypes.Value
		for word := range strings.FieldsSeq(arguments) {
			words = append(words, text(word))
		}
		list = listOf(tftypes.String, words...)
	}
	return braces(map[string]tftypes.Value{"label": text(label), "kernel": orNull(kernel), "initrd": orNull(initrd), "append": list})
}

// configValue is what pxelinux_parse returns; a "" for the default is null.
func configValue(label string, problems []string, entries ...tftypes.Value) tftypes.Value {
	def := tftypes.NewValue(tftypes.String, nil)
	if label != "" {
		def = text(label)
	}
	found := []tftypes.Value{}
	for _, p := range problems {
		found = append(found, text(p))
	}
	return braces(map[string]tftypes.Value{
		"default": def, "entries": listOf(parsedEntryType, entries...), "problems": listOf(tftypes.String, found...),
	})
}

func TestPxelinuxParseFunction(t *testing.T) {
	returns(t, configValue("b", nil, entryValue("a", "k", "i", "x=1 y=2"), entryValue("b", "/k", "i", "")),
		"pxelinux_parse", text("# c\nDEFAULT b\r\nlabel a\n  kernel k\n  initrd i\n  append x=1 \t y=2\nlabel b\n kernel /k\n initrd i\n append BOOT_IMAGE=/k\n"))
	returns(t, configValue("", []string{
		`line 2, column 3: the firmware ignores this line, because it does not know "linux" here: write "kernel" instead of "linux"`,
	}, entryValue("a", "k", "i", "quiet")), "pxelinux_parse", text("label a\n  linux j\n  kernel k\n  initrd i\n  append quiet\n"))
	returns(t, configValue("", []string{
		`warning: line 4, column 12: old firmware loses the last character of a file that does not end in a newline: end the last line with a newline`,
	}, entryValue("a", "k", "i", "quiet")), "pxelinux_parse", text("label a\nkernel k\ninitrd i\nappend quiet"))
}

func TestPxelinuxParseFunctionArch(t *testing.T) {
	pc := text("serial 0 115200\ndefault a\nlabel a\n  linux k\n  initrd i\n  append quiet\n")
	returns(t, configValue("a", nil, entryValue("a", "k", "i", "quiet")), "pxelinux_parse", pc, text("x86_64"))
	returns(t, configValue("", []string{
		`line 1, column 1: the file has no default line, so PXELINUX stops at its prompt: add a line such as "default a"`,
	}, entryValue("a", "k", "i", "quiet")), "pxelinux_parse", text("label a\nkernel k\ninitrd i\nappend quiet\n"), text("x86_64"))
}

// TestPxelinuxParseFunctionContinuation holds that a line which goes on after a backslash is one problem, and that nobody is
// told to remove the rest of it.
func TestPxelinuxParseFunctionContinuation(t *testing.T) {
	returns(t, configValue("rhcos", []string{
		`line 4, column 12: append "rd.neednet=1 \\" has a backslash at the end of a line; the firmware does not join lines: the backslash becomes part of the value, ` +
			`and the next line is read separately: join it with the next line, without the backslash`,
	}, entryValue("rhcos", "k", "i", `rd.neednet=1 \`)), "pxelinux_parse",
		text("default rhcos\nlabel rhcos\n    kernel k\n    append rd.neednet=1 \\\n    coreos.live.rootfs_url=http://192.0.2.9/rootfs.img \\\n    quiet\n    initrd i\n"))
}

// TestPxelinuxParseFunctionIncomplete holds that what a text does not say is null, and a problem.
func TestPxelinuxParseFunctionIncomplete(t *testing.T) {
	for _, test := range []struct {
		text    string
		want    []tftypes.Value
		problem string
	}{
		{"", nil, "there is no entry"},
		{strings.Repeat("#", 2048), nil, "the file has 2048 bytes"},
		{"label a\n", []tftypes.Value{entryValue("a", "", "", "")}, "kernel is missing"},
		{"label a\nkernel k\ninitrd i\n", []tftypes.Value{entryValue("a", "k", "i", "")}, `entry "a" has no append line`},
	} {
		got, failure := call(t, "pxelinux_parse", text(test.text))
		if failure != nil {
			t.Errorf("%q fails: %s", test.text, failure.Text)
			continue
		}
		var config map[string]tftypes.Value
		if err := got.As(&config); err != nil {
			t.Fatal(err)
		}
		if want := listOf(parsedEntryType, test.want...); !config["entries"].Equal(want) {
			t.Errorf("%q gives the entries\n%s\nwant\n%s", test.text, config["entries"], want)
		}
		if problems := config["problems"].String(); !strings.Contains(problems, test.problem) {
			t.Errorf("%q gives the problems %s, want %q", test.text, problems, test.problem)
		}
	}
}

// TestPxelinuxParseAndRender holds that a text without problems comes back, in its canonical form.
func TestPxelinuxParseAndRender(t *testing.T) {
	files, err := filepath.Glob("../pxelinux/testdata/*.cfg")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	whole := 0
	for _, file := range files {
		written := readFile(t, file)
		parsed, failure := call(t, "pxelinux_parse", text(written))
		if failure != nil {
			t.Errorf("%s: %s", file, failure.Text)
			continue
		}
		rendered, failure := call(t, "pxelinux_render", parsed)
		if _, err := os.Stat(strings.TrimSuffix(file, ".cfg") + ".problems"); err == nil {
			continue
		}
		if failure != nil {
			t.Errorf("%s: %s", file, failure.Text)
			continue
		}
		whole++
		returns(t, parsed, "pxelinux_parse", rendered)
		again, _ := call(t, "pxelinux_parse", rendered)
		returns(t, rendered, "pxelinux_render", again)
	}
	if whole == 0 {
		t.Error("there was no text without problems")
	}
}
