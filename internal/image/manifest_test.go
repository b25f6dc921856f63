package image

import (
	"bytes"
	"net/http"
	"net/http/httptest"
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
		"a web page":    {"<html>", Manifest{}, "a web page"},
		"no manifest":   {"kernel.img\n", Manifest{}, `"kernel.img" is not a path and an address`},
		"no text":       {"* t\nlinux 0\n\x00", Manifest{}, "is it a text file?"},
		"empty":         {"", Manifest{}, "it is empty"},
		"title alone":   {"* t\n", Manifest{}, "names no kernel"},
		"long":          {"* t\n" + strings.Repeat("x 0x1\n", 600) + "linux 0\n", Manifest{Kernel: at("linux")}, ""},
		"too long":      {"* t\n" + strings.Repeat("x 0\n", 20000), Manifest{}, "more than 64 KiB"},
		"no title":      {"linux 0x0\n", Manifest{Kernel: at("linux")}, ""},
		"small":         {"k 0", Manifest{Kernel: at("k")}, ""},
		"of Windows":    {"\ufeff* t\r\n\r\nlinux 0x0\r\nboot/initrd 0X2000000\r\n", Manifest{Kernel: at("linux"), Initrd: at("boot/initrd")}, ""},
		"tabs, blanks":  {"*t\n \tlinux\t \t0x0 \t\n  \nboot/initrd\u00a00x2000000 the initrd\n", Manifest{Kernel: at("linux"), Initrd: at("boot/initrd")}, ""},
		"comments":      {"* t\n* more\n# linux 0\nlinux 0\n", Manifest{Kernel: at("linux")}, ""},
		"blank in path": {"* t\nthe linux 0\nthe bad initrd 0x2000000\n", Manifest{Kernel: at("the linux"), Initrd: at("the bad initrd")}, ""},
		"hexadecimal":   {"* t\nlinux 00000000\nboot/parmfile 66688\nboot/initrd 0a000000\n", Manifest{at("linux"), at("boot/initrd"), "a=1 b=2"}, ""},
		"high address":  {"* t\nlinux 0\ninitrd 0xffffffff00000000\n", Manifest{Kernel: at("linux"), Initrd: at("initrd")}, ""},
		"long path":     {"* t\n" + strings.Repeat("x/", 150) + "k 0\n", Manifest{Kernel: at(strings.Repeat("x/", 150) + "k")}, ""},
		"kernel twice":  {"* t\nlinux 0\nother 0x0\n", Manifest{}, `"linux" and "other" have the same address 0x0`},
		"same address":  {"* t\nlinux 0\nlinux 0\na.off 0x10408\nb.off 0x10408\n", Manifest{Kernel: at("linux")}, ""},
		"escape":        {"* t\nk\x1b[2J 0\n", Manifest{}, "control character"},
		"no parameters": {"* t\nlinux 0\nnone 0x10480\n", Manifest{}, "the parameter file"},
		"an endless":    {"* t\nlinux 0\nlong 0x10480\n", Manifest{}, "more than 4 KiB"},
		"upwards":       {"* t\n../linux 0\n", Manifest{}, "leads out of the manifest's directory"},
	} {
		got, err := Client{}.ReadINS(t.Context(), write("x.ins", test.text))
		if got != test.want || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

// TestReadINSUpwards checks that a manifest on a server may name files outside its directory.
func TestReadINSUpwards(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("* t\n../images/kernel.img 0\n"))
	}))
	defer server.Close()
	m, err := Client{}.ReadINS(t.Context(), Location{Source: server.URL + "/boot/x.ins"})
	if err != nil || m.Kernel.Source != server.URL+"/images/kernel.img" {
		t.Errorf("%+v, %v", m, err)
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

// FuzzReadINS reads any manifest and any parameters in an ISO image, and checks that the named files are in the image.
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
