package pxelinux

import (
	"reflect"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	for _, test := range []struct {
		golden string
		config Config
	}{
		{"blog.cfg", Config{Entries: []Entry{
			{Label: "ubuntu", Kernel: "kernel.ubuntu", Initrd: "initrd.ubuntu"},
		}}},
		{"default.cfg", Config{Default: "rescue system", Entries: []Entry{
			{Label: "install", Kernel: "debian/kernel", Initrd: "debian/initrd", Append: "auto=true priority=critical url=http://192.168.150.1/preseed.cfg"},
			{Label: "rescue system", Kernel: "debian/kernel", Initrd: "debian/initrd", Append: "rescue/enable=true ---"},
		}}},
	} {
		t.Run(test.golden, func(t *testing.T) {
			want := readFile(t, "testdata/"+test.golden)
			got, err := Render(test.config, UnknownFirmware)
			if err != nil || got != want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
			}
			if parsed, problems := Parse(want, UnknownFirmware); !reflect.DeepEqual(parsed, test.config) || problems != nil {
				t.Errorf("parsed %+v, %v", parsed, problems)
			}
		})
	}
}

func TestRenderError(t *testing.T) {
	text, err := Render(Config{Default: "b", Entries: []Entry{{Label: "a", Kernel: "k"}}}, UnknownFirmware)
	if text != "" || err == nil {
		t.Fatalf("Render = %q, %v", text, err)
	}
	for _, part := range []string{`no entry has the label "b"`, `initrd is missing`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}

// FuzzRender checks that rendered text is read back unchanged and without problems.
func FuzzRender(f *testing.F) {
	f.Add("", "ubuntu", "kernel.ubuntu", "initrd.ubuntu", "", "b", "k", "i", "x=1 y=2")
	f.Add("b", "a", "k", "i", "BOOT_IMAGE=k", "b", "k", "i", "BOOT_IMAGE=j")
	f.Add("a b", "a b", "/k", "i", "a\tb", "#", "k#", "i", "-")
	f.Add("é", "é", "k\u00a0", "i", "--- quiet", "E", "k", "i\xff", "initrd=i")
	f.Fuzz(func(t *testing.T, def, l1, k1, i1, a1, l2, k2, i2, a2 string) {
		c := Config{Default: def, Entries: []Entry{{Label: l1, Kernel: k1, Initrd: i1, Append: a1}, {Label: l2, Kernel: k2, Initrd: i2, Append: a2}}}
		text, err := Render(c, UnknownFirmware)
		if err != nil {
			return
		}
		if got, _ := Parse(text, UnknownFirmware); !reflect.DeepEqual(got, c) {
			t.Errorf("rendered %q\ngot  %+v\nwant %+v", text, got, c)
		}
		if problems := ValidateText(text, UnknownFirmware); len(problems) > 0 {
			t.Errorf("rendered %q has problems %v", text, problems)
		}
	})
}

// FuzzParse checks that a text without an error means the same after Render and Parse.
func FuzzParse(f *testing.F) {
	f.Add("label ubuntu\n  kernel kernel.ubuntu\n  initrd initrd.ubuntu\n  append BOOT_IMAGE=kernel.ubuntu\n")
	f.Add("# c\r\ndefault b\r\nlabel a\r\nkernel k\r\nLABEL b\r\n\tkernel\tk\r\n initrd i\r\nappend\ta=1\r\n")
	f.Add("\ufefflabel a\nprompt 0\nkernel\n\x00label b")
	f.Add("default a\nlabel a\ndefault b\nlabel b\nlabel b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, _ := Parse(text, UnknownFirmware)
		for _, p := range ValidateText(text, UnknownFirmware) {
			if p.Severity == Error {
				return
			}
		}
		rendered, err := Render(c, UnknownFirmware)
		if err != nil && len(libnetText(c)) <= MaxFileSize {
			t.Fatalf("text %q is valid, its configuration is not: %v", text, err)
		}
		if err != nil {
			return // the form of Render can need more bytes
		}
		if got, problems := Parse(rendered, UnknownFirmware); !reflect.DeepEqual(got, c) || len(problems) > 0 {
			t.Errorf("text %q\ngot  %+v %v\nwant %+v", text, got, problems, c)
		}
	})
}
