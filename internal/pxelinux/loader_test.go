package pxelinux

import (
	"reflect"
	"strings"
	"testing"
)

func TestLoaderRender(t *testing.T) {
	got, err := Render(Config{Entries: []Entry{
		{Label: "a", Kernel: "k", Initrd: "i,i2", Append: "x=1"},
		{Label: "b", Kernel: "k.bin"},
	}}, PXELINUX)
	want := `serial 0 115200
default a
label a
  kernel k
  initrd i,i2
  append x=1
label b
  linux k.bin
`
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestLoaderValidate(t *testing.T) {
	with := func(change func(*Entry)) Config {
		e := Entry{Label: "a", Kernel: "k", Initrd: "i"}
		change(&e)
		return Config{Entries: []Entry{{Label: "first", Kernel: "k"}, e}}
	}
	kernel := func(path string) Config { return with(func(e *Entry) { e.Kernel = path }) }
	initrd := func(path string) Config { return with(func(e *Entry) { e.Initrd = path }) }
	arguments := func(text string) Config { return with(func(e *Entry) { e.Append = text }) }
	label := func(text string) Config { return with(func(e *Entry) { e.Label = text }) }
	longest := MaxCommandLine - len("BOOT_IMAGE=k  initrd=i")

	for _, test := range []struct {
		name   string
		config Config
		want   []string
	}{
		{"good", kernel("x86/kernel"), nil},
		{"no entry", Config{}, []string{"-1  no entry"}},
		{"no initrd", initrd(""), nil},
		{"several initrds", initrd("i,i2"), nil},
		{"empty initrd", initrd("i,,i2"), []string{"1 initrd has an empty path"}},
		{"longest path", kernel(strings.Repeat("x", 255)), nil},
		{"path too long", kernel(strings.Repeat("x", 256)), []string{"1 kernel is too long; PXELINUX cuts a path after 255 bytes"}},
		{"several long paths", initrd(strings.Repeat("x", 200) + "," + strings.Repeat("y", 200)), nil},
		{"one of several paths too long", initrd("i," + strings.Repeat("y", 256)), []string{"1 initrd is too long"}},
		{"longest command line", arguments(strings.Repeat("x", longest)), nil},
		{"command line cut", arguments(strings.Repeat("x", longest+1)), []string{"1 append the command line has 2047 bytes"}},
		{"command line refused", arguments(strings.Repeat("x", longest+13)), []string{`1 append says "cmdline too long"`}},
		{"label with a blank", label("a b"), []string{"1 label has a blank"}},
		{"no label", label(""), []string{"1 label is empty"}},
		{"label twice", label("first"), []string{`1 label boots the first entry with it`}},
		{"kernel with a blank", kernel("k quiet"), []string{"1 kernel has a blank"}},
		{"URL", kernel("http://h/k"), nil},
		{"root", kernel("::k"), nil},
		{"append with an initrd", arguments("rd.initrd=x"), []string{`1 append has "initrd="`}},
		{"append dash", arguments("-"), []string{`1 append is "-"`}},
		{"append with a comment", arguments("x #now"), []string{`1 append PXELINUX knows comments only`}},
		{"append in another language", arguments("name=Zürich"), nil},
		{"append with a typographic quote", arguments("x=“a”"), []string{"1 append neither PXELINUX nor the kernel"}},
		{"unknown default", Config{Default: "b", Entries: kernel("k").Entries}, []string{`-1 default no entry has the label "b", so PXELINUX takes it as the path of a kernel`}},
	} {
		t.Run(test.name, func(t *testing.T) { compareFields(t, Validate(test.config, PXELINUX), test.want) })
	}
}

// TestLoaderInstaller parses the main parts of the file of Debian's installer.
func TestLoaderInstaller(t *testing.T) {
	text := `# D-I config version 2.0
path debian-installer/amd64/boot-screens/
prompt 0
timeout 0
menu title Installer
default install
label install
	menu label ^Install
	kernel debian-installer/amd64/linux
	append vga=788 initrd=debian-installer/amd64/initrd.gz --- quiet
label local
	localboot 0
`
	want := Config{Default: "install", Entries: []Entry{
		{Label: "install", Kernel: "debian-installer/amd64/linux", Initrd: "debian-installer/amd64/initrd.gz", Append: "vga=788 --- quiet"},
		{Label: "local", Kernel: "0", Type: "localboot"},
	}}
	if got, problems := Parse(text, PXELINUX); !reflect.DeepEqual(got, want) || len(problems) > 0 {
		t.Errorf("got %+v, %v", got, problems)
	}
	if problems := ValidateText(text, PXELINUX); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
}

func TestLoaderUUIDFileName(t *testing.T) {
	got, err := PXELINUX.UUIDFileName("a25ea343-dd91-4037-9bb5-e76409e08caa")
	if want := "43a35ea2-91dd-3740-9bb5-e76409e08caa"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, uuid := range []string{"0a1b2c3d-4e5f-4000-8000-00000000002a", "0a1b2c3d-4e5f-40f0-8000-00000000002a"} {
		if got, err := PXELINUX.UUIDFileName(uuid); err == nil || !strings.Contains(err.Error(), "use a MAC address") {
			t.Errorf("%s: got %s, %v", uuid, got, err)
		}
	}
}

// FuzzLoader checks that rendered text is read back unchanged and without problems.
func FuzzLoader(f *testing.F) {
	f.Add("b", "a", "k", "i", "", "b", "k.0", "i,j", "x=1 y=2")
	f.Add("a b", "a b", "/k", "i", "a\tb", "#", "k#", "i", "-")
	f.Add("é", "é", "k\u00a0", "i", "--- quiet", "E", "k", "i\xff", "initrd=i")
	f.Fuzz(func(t *testing.T, def, l1, k1, i1, a1, l2, k2, i2, a2 string) {
		c := Config{Default: def, Entries: []Entry{{Label: l1, Kernel: k1, Initrd: i1, Append: a1}, {Label: l2, Kernel: k2, Initrd: i2, Append: a2}}}
		text, err := Render(c, PXELINUX)
		if err != nil {
			return
		}
		if c.Default == "" {
			c.Default = l1
		}
		got, _ := Parse(text, PXELINUX)
		for i := range got.Entries {
			if got.Entries[i].Append == strings.TrimLeft(c.Entries[i].Append, skippedBlanks) { // blanks around append do no harm
				got.Entries[i].Append = c.Entries[i].Append
			}
		}
		if !reflect.DeepEqual(got, c) {
			t.Errorf("rendered %q\ngot  %+v\nwant %+v", text, got, c)
		}
		if problems := ValidateText(text, PXELINUX); len(problems) > 0 {
			t.Errorf("rendered %q has problems %v", text, problems)
		}
	})
}
