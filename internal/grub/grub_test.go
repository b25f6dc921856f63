package grub

import (
	"reflect"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

func TestNames(t *testing.T) {
	if name, err := MACFileName("52:54:00:AB:cd:01"); name != "grub.cfg-01-52-54-00-ab-cd-01" || err != nil {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := MACFileName("52:54"); err == nil {
		t.Error("52:54 is a MAC address")
	}
	for _, name := range Archs {
		file, err := ArchFileName(name)
		if err != nil || ArchOf(file) != name || MACOf(file) != "" {
			t.Errorf("%s is for %q, and %v", file, ArchOf(file), err)
		}
	}
	if name, err := ArchFileName("s390x"); err == nil {
		t.Errorf("s390x guests have %s", name)
	}
	for name, want := range map[string]string{
		"grub.cfg-01-52-54-00-ab-cd-01": "52:54:00:ab:cd:01", "grub.cfg-01-52-54-00-AB-cd-01": "", "grub.cfg": "", "grub.cfg-x86_64": "", "grub.cfg-01-52": "",
	} {
		if got := MACOf(name); got != want || ArchOf(name) != "" && name != "grub.cfg-x86_64" {
			t.Errorf("%s is for %q, want %q", name, got, want)
		}
	}
}

const renderedText = `set default=1
set timeout=0
menuentry first {
  echo -n 'Loading /k...'
  if linux /k; then
    echo ' ok'
    boot
  fi
  echo 'netboot: GRUB could not boot this entry; the guest restarts in 30 seconds'
  sleep 30
  reboot
}
menuentry 'it'\''s second' {
  echo -n 'Loading /d/k...'
  if linux /d/k quiet 'a=b c' console=ttyS0,115200 'd=$e'; then
    echo ' ok'
    echo -n 'Loading /i,/j...'
    if initrd /i /j; then
      echo ' ok'
      boot
    fi
  fi
  echo 'netboot: GRUB could not boot this entry; the guest restarts in 30 seconds'
  sleep 30
  reboot
}
`

func TestRender(t *testing.T) {
	config := pxelinux.Config{Default: "it's second", Entries: []pxelinux.Entry{
		{Label: "first", Kernel: "k"},
		{Label: "it's second", Kernel: "d/k", Initrd: "i,/j", Append: `quiet  a="b c" console=ttyS0,115200 d=$e`},
	}}
	text, err := Render(config)
	if err != nil || text != renderedText {
		t.Errorf("got %v\n%s", err, text)
	}
	config.Entries[1].Initrd, config.Entries[1].Append = "i,j", `quiet a="b c" console=ttyS0,115200 d=$e`
	if got := Parse(text); !reflect.DeepEqual(got, config) {
		t.Errorf("Parse reads %+v\nwant %+v", got, config)
	}
	if problems := ValidateText(text); len(problems) > 0 {
		t.Errorf("ValidateText says %v", problems)
	}
	if files := strings.Join(FilesOf(text), " "); files != "k d/k i j" {
		t.Errorf("FilesOf says %s", files)
	}
	if line := CommandLine(config.Entries[1]); line != `BOOT_IMAGE=/d/k quiet "a=b c" console=ttyS0,115200 d=$e` {
		t.Errorf("CommandLine says %s", line)
	}
	if _, err := Render(pxelinux.Config{}); err == nil {
		t.Error("Render takes a configuration without entries")
	}
}

func TestValidate(t *testing.T) {
	entry := func(e pxelinux.Entry) pxelinux.Config {
		if e.Label == "" {
			e.Label = "a"
		}
		if e.Kernel == "" {
			e.Kernel = "k"
		}
		return pxelinux.Config{Entries: []pxelinux.Entry{e}}
	}
	arguments := func(text string) pxelinux.Config { return entry(pxelinux.Entry{Append: text}) }
	for name, test := range map[string]struct {
		config pxelinux.Config
		want   string // field and part of the message or remedy; empty for no problem
	}{
		"nothing":               {pxelinux.Config{}, " there is no entry"},
		"unknown default":       {pxelinux.Config{Default: "A", Entries: entry(pxelinux.Entry{}).Entries}, `default no entry has the label "A": write "a"`},
		"no label":              {pxelinux.Config{Entries: []pxelinux.Entry{{Kernel: "k"}}}, "label label is empty"},
		"label twice":           {pxelinux.Config{Entries: []pxelinux.Entry{{Label: "a", Kernel: "k"}, {Label: "a", Kernel: "k"}}}, "label is used twice"},
		"label with a dash":     {entry(pxelinux.Entry{Label: "--id"}), "label GRUB reads it as an option"},
		"label of two lines":    {entry(pxelinux.Entry{Label: "a\nb"}), "label has a control character"},
		"no kernel":             {pxelinux.Config{Entries: []pxelinux.Entry{{Label: "a"}}}, "kernel kernel is missing"},
		"kernel upwards":        {entry(pxelinux.Entry{Kernel: "../k"}), "kernel leads upwards"},
		"kernel a directory":    {entry(pxelinux.Entry{Kernel: "k/"}), "kernel ends with"},
		"kernel a URL":          {entry(pxelinux.Entry{Kernel: "http://h/k"}), "kernel is a URL"},
		"kernel on a device":    {entry(pxelinux.Entry{Kernel: "(http,h)/k"}), ""},
		"kernel with tab":       {entry(pxelinux.Entry{Kernel: "a\tb"}), "kernel has a control character"},
		"kernel too long":       {entry(pxelinux.Entry{Kernel: strings.Repeat("k", 483)}), "kernel is too long; GRUB loads no file whose path has more than 482 bytes"},
		"kernel just fits":      {entry(pxelinux.Entry{Kernel: strings.Repeat("k", 482)}), ""},
		"empty initrd in list":  {entry(pxelinux.Entry{Initrd: "i,,j"}), "initrd has an empty path"},
		"initrds":               {entry(pxelinux.Entry{Initrd: "i,/j"}), ""},
		"backslash":             {arguments(`a\b`), `append append has \ in`},
		"single quote":          {arguments(`it's`), `append append has ' in`},
		"quote in a word":       {arguments(`{"a":1}`), "append append has a quote"},
		"open quote":            {arguments(`a="b c`), "append append has a quote"},
		"quotes around values":  {arguments(`a="b c" "d=e f" g=""`), ""},
		"typographic quote":     {arguments("a=“b”"), "append typographic quote"},
		"line break":            {arguments("a\nb"), "append append has a control character"},
		"shell":                 {arguments("$a ; & | < > # {b} * ?"), ""},
		"command line too long": {arguments(strings.Repeat("x", 2033)), "append the command line has 2047 bytes"},
		"longest command line":  {arguments(strings.Repeat("x", 2032)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Validate(test.config)
			if test.want == "" && len(problems) == 0 {
				return
			}
			field, part, _ := strings.Cut(test.want, " ")
			if len(problems) != 1 || problems[0].Field != field || !strings.Contains(problems[0].Error(), part) {
				t.Errorf("got %v, want %q", problems, test.want)
			}
		})
	}
}

func TestValidateText(t *testing.T) {
	const entry = "menuentry a {\n linux /k\n initrd /i\n}\n"
	for text, want := range map[string]string{
		"set timeout=0\n" + entry:        "",
		entry:                            "warning sets no timeout",
		"":                               "error boots nothing",
		"# a\nset timeout=0\necho x\n":   "error boots nothing",
		"linux /k\ninitrd /i\n":          "error does not boot it",
		"linux /k\nboot\n":               "",
		"source /x\n":                    "",
		"configfile /x\n":                "",
		"blscfg\n":                       "",
		"menuentry 'a {\n linux /k\n}\n": "error does not close the quote '",
		"set timeout=0\nmenuentry \"a {\n linux /k\n}\n":       `error does not close the quote "`,
		"set timeout=0\nmenuentry a {\n linux /k\n":            `error more "{" than "}"`,
		"set timeout=0\n}\n" + entry:                           `warning "}" closes nothing`,
		"set timeout=0\nif true; then\n" + entry:               `error does not close this "if"`,
		"set timeout=0\nif true; then\n true\nfi\n" + entry:    "",
		"set timeout=0\nmenuentry a {\n linux /k a=b&c\n}\n":   `error refuses "&"`,
		"set timeout=0\necho a&b\n" + entry:                    `warning refuses "&" here, and ignores the command`,
		"set timeout=0\nmenuentry a {\n linux /k 'a=b&c'\n}\n": "",
		"set timeout=0\nmenuentry a {\n linux /k a={b}\n}\n":   `warning takes "{" for the beginning of a block`,
		"set timeout=0\nmenuentry a {\n linux16 /k\n}\n":       "error no command linux16",
		"\ufeffset timeout=0\n" + entry:                        "warning byte order mark",
		"set timeout=0\nmenuentry a { linux /k; }":             "",
	} {
		problems := ValidateText(text)
		if want == "" && len(problems) == 0 {
			continue
		}
		severity, part, _ := strings.Cut(want, " ")
		if len(problems) != 1 || problems[0].Severity.String() != severity || !strings.Contains(problems[0].Error(), part) {
			t.Errorf("%q: got %v, want %q", text, problems, want)
		}
	}
}

func TestParse(t *testing.T) {
	const text = "set dir=/boot\nset default=\"second\"\nmenuentry 'one' --class x {\n  linux $dir/k a=$b\n  initrd ${dir}/i\n}\n" +
		"menuentry two --id second {\n  linuxefi ($root)/k \\\n  b\\ c \"d\"'e'\n initrdefi i /j\n}\n"
	want := pxelinux.Config{Default: "two", Entries: []pxelinux.Entry{
		{Label: "one", Kernel: "$dir/k", Initrd: "${dir}/i", Append: "a=$b"},
		{Label: "two", Kernel: "k", Initrd: "i,j", Append: `"b c" de`},
	}}
	if got := Parse(strings.ReplaceAll(text, "\n", "\r\n")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if files := strings.Join(FilesOf(text), " "); files != "k i j" {
		t.Errorf("FilesOf says %s", files)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(renderedText)
	f.Add(Dispatcher())
	f.Add("menuentry 'a\\ $ ${ \"$\\")
	f.Fuzz(func(_ *testing.T, text string) {
		ValidateText(text)
		FilesOf(text)
	})
}

// FuzzRender holds that Parse reads what Render writes.
func FuzzRender(f *testing.F) {
	f.Add("a", "k", "i", `b="c d" e`)
	f.Add("it's", "d/$k", "i,j", "")
	f.Fuzz(func(t *testing.T, label, kernel, initrd, arguments string) {
		text, err := Render(pxelinux.Config{Entries: []pxelinux.Entry{{Label: label, Kernel: kernel, Initrd: initrd, Append: arguments}}})
		if err != nil {
			return
		}
		read := Parse(text)
		if again, err := Render(read); err != nil || again != text || len(read.Entries) != 1 || read.Entries[0].Label != label {
			t.Errorf("Parse reads %+v from\n%s%v\n%s", read, text, err, again)
		}
	})
}
