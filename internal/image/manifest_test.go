package image

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
)

func TestReadINS(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) Location {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return Location{Source: path}
	}
	write("boot/parmfile", "a=1\nb=2 \x00")
	write("long", strings.Repeat("a", maxParameters+1))
	at := func(name string) Location { return Location{Source: filepath.Join(dir, name)} }
	for name, test := range map[string]struct {
		text  string
		want  Manifest
		error string
	}{
		"all":           {"* t\nboot/linux 0x00000000\nboot/initrd.off 0x0001040c\nboot/initrd 0x01000000\nboot/parmfile 0x00010480\n", Manifest{at("boot/linux"), at("boot/initrd"), "a=1 b=2"}, ""},
		"a kernel":      {"* t\n/linux 0\n", Manifest{Kernel: at("linux")}, ""},
		"no kernel":     {"* t\nboot/initrd 0x01000000\n", Manifest{}, "names no kernel"},
		"no manifest":   {"<html>", Manifest{}, "does not begin with"},
		"too long":      {"* t\n" + strings.Repeat("x 0\n", 600), Manifest{}, "more than 2 KiB"},
		"no parameters": {"* t\nlinux 0\nnone 0x10480\n", Manifest{}, "the parameter file"},
		"an endless":    {"* t\nlinux 0\nlong 0x10480\n", Manifest{}, "more than 4 KiB"},
		"upwards":       {"* t\n../linux 0\n", Manifest{}, "leads upwards"},
	} {
		got, err := Client{}.ReadINS(t.Context(), write("x.ins", test.text))
		if got != test.want || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

func TestBeside(t *testing.T) {
	for _, test := range []struct{ from, want Location }{
		{Location{Source: "http://x/a/b.ins"}, Location{Source: "http://x/a/boot/k"}},
		{Location{Source: "https://u:p@x/b.ins?token=1"}, Location{Source: "https://u:p@x/boot/k?token=1"}},
		{Location{Source: "a/b.ins"}, Location{Source: "a/boot/k"}},
		{Location{Source: "file:///a/b.ins"}, Location{Source: "file:///a/boot/k"}},
		{Location{"http://x/m.iso", "/boot/b.ins"}, Location{"http://x/m.iso", "/boot/boot/k"}},
		{Location{"http://x/m.iso", "b.ins"}, Location{"http://x/m.iso", "boot/k"}},
	} {
		if got := test.from.beside("/boot/k"); got != test.want {
			t.Errorf("beside %v: %v, want %v", test.from, got, test.want)
		}
	}
	if got := (Location{"http://u:p@x/m.iso", "boot/k"}).String(); got != "boot/k in http://u:xxxxx@x/m.iso" {
		t.Errorf("as a text: %s", got)
	}
}

// FuzzReadINS has any manifest and any parameters in an ISO image, and holds that what is named is in it.
func FuzzReadINS(f *testing.F) {
	for _, name := range []string{"ubuntu.ins", "suse.ins", "fedora.ins"} {
		text, err := os.ReadFile("testdata/ins/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "root=/dev/ram0 --- quiet\n")
	}
	f.Add("* title\n../../kernel 0x0\nparameters 0x10480\n", "a\x00b\n\n")
	f.Fuzz(func(t *testing.T, manifest, parameters string) {
		var image bytes.Buffer
		files := []iso9660.File{{Name: "manifest.ins", Content: []byte(manifest)}, {Name: "parameters", Content: []byte(parameters)}}
		if err := iso9660.Write(&image, "boot", files); err != nil {
			t.Skip(err)
		}
		medium := filepath.Join(t.TempDir(), "medium.iso")
		if err := os.WriteFile(medium, image.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := quick.ReadINS(t.Context(), Location{medium, "/manifest.ins"})
		if err != nil {
			return
		}
		for _, at := range []Location{m.Kernel, m.Initrd} {
			if at != (Location{}) && (at.Source != medium || path.Clean(at.ISOPath) != at.ISOPath || !path.IsAbs(at.ISOPath)) {
				t.Errorf("%q names %+v", manifest, at)
			}
		}
		if len(m.CommandLine) > maxParameters || strings.ContainsAny(m.CommandLine, "\n\t") {
			t.Errorf("%q makes the command line %q", parameters, m.CommandLine)
		}
	})
}
