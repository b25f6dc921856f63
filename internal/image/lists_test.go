package image

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readList reads a list of testdata/lists.
func readList(t testing.TB, name string) List {
	t.Helper()
	text, err := os.ReadFile("testdata/lists/" + name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseList(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return list
}

// TestFind looks for files in lists of distributions, in the forms and at the paths that they use. Of the
// digests, only those of Ubuntu's ISO and Fedora's kernel are real.
func TestFind(t *testing.T) {
	const (
		debian = "http://deb.debian.org/debian/dists/trixie/main/installer-s390x/current/images/"
		amd64  = "http://deb.debian.org/debian/dists/trixie/main/installer-amd64/current/images/"
		ubuntu = "https://cdimage.ubuntu.com/releases/24.04.3/release/"
		fedora = "https://dl.fedoraproject.org/pub/fedora-secondary/releases/43/Server/s390x/"
		suse   = "https://download.opensuse.org/ports/zsystems/tumbleweed/"
	)
	for _, test := range []struct{ file, list, source, want string }{
		{"debian", debian + "SHA256SUMS", debian + "generic/kernel.debian", "sha256:2aa290a6"},
		{"debian", debian + "SHA256SUMS", debian + "generic//./initrd.debian?x=y", "sha256:3f7e3825"},
		{"debian", "http://DEB.debian.org" + strings.TrimPrefix(debian, "http://deb.debian.org") + "SHA256SUMS", debian + "generic/kernel.debian", "sha256:2aa290a6"},
		{"debian", "/srv/debian/SHA256SUMS", "http://mirror.example/kernel.debian", "sha256:2aa290a6"},
		{"debian", "/srv/debian/SHA256SUMS", "/srv/debian/generic/kernel.debian", "sha256:2aa290a6"},
		{"debian", "file:///srv/debian/SHA256SUMS", "/srv/debian/generic/kernel.debian", "sha256:2aa290a6"},
		{"debian-amd64", amd64 + "SHA256SUMS", amd64 + "netboot/debian-installer/amd64/linux", "sha256:"},
		{"debian-amd64", amd64 + "SHA256SUMS", amd64 + "netboot/gtk/debian-installer/amd64/linux", "sha256:"},
		{"ubuntu-live", ubuntu + "SHA256SUMS", ubuntu + "ubuntu-24.04.3-live-server-s390x.iso", "sha256:968c208fad190780e8ec321c51bcf7d4b59bfaf34e393c6d8251243be45f549d"},
		{"ubuntu-live", ubuntu + "SHA256SUMS", ubuntu + "ubuntu-24.04.3-preinstalled-server-arm64%2Braspi.img.xz", "sha256:3e23e816"},
		{"fedora", fedora + "iso/Fedora-Server-43-1.6-s390x-CHECKSUM", fedora + "iso/Fedora-Server-dvd-s390x-43-1.6.iso", "sha256:"},
		{"opensuse.sha256", suse + "iso/x.iso.sha256", suse + "iso/openSUSE-Tumbleweed-DVD-s390x-Snapshot20261101-Media.iso", "sha256:"},
		{"suse-CHECKSUMS", suse + "repo/oss/CHECKSUMS", suse + "repo/oss/boot/s390x/linux", "sha256:"},
		{"suse-content", "/mnt/content", "/mnt/boot/s390x/linux", "sha256:"},
		{"treeinfo", fedora + "os/.treeinfo", fedora + "os/images/kernel.img", "sha256:480859574f3f44caa6cd35c62d70e1ac0609134e22ce2a954bbed9b110c06e0b"},
		{"freebsd", "/srv/CHECKSUM", "/srv/FreeBSD-15.0-RELEASE-powerpc-powerpc64le-disc1.iso", "sha256:"},
		{"bare.sha256", "/srv/kernel.sha256", "http://mirror.example/kernel", "sha256:"},
		{"escaped", "/srv/SHA256SUMS", `/srv/a\b`, "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"},
		{"escaped", "/srv/SHA256SUMS", "/srv/c\nd", "sha256:a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa"},
	} {
		sum, err := readList(t, test.file).Find(test.list, test.source)
		if err != nil || !strings.HasPrefix(sum.String(), test.want) {
			t.Errorf("%s in %s: got %v, %v; want %s", test.source, test.file, sum, err, test.want)
		}
	}
}

func TestFindErrors(t *testing.T) {
	const images = "http://user:secret@mirror/images/"
	for _, test := range []struct {
		file, source string
		want         []string
	}{
		{"debian", images + "generic/kernel.ubuntu",
			[]string{"http://user:xxxxx@mirror/images/SUMS has 7 entries, but none for", `"generic/kernel.ubuntu" or "kernel.ubuntu"`}},
		{"debian", "http://other/kernel.ubuntu", []string{`7 entries, but none for "kernel.ubuntu"`}},
		{"debian", images, []string{`7 entries, but none for "images"`}},
		{"debian", "http://mirror/%zz", []string{`none for "."`}},
		{"debian-amd64", "http://other/linux", []string{"several checksums", `for "netboot/debian-installer/amd64/linux", sha256:`, `for "netboot/gtk/debian-installer/amd64/linux"`}},
		{"ubuntu-md5", images + "generic/kernel.ubuntu", []string{"only a checksum by md5", "can be forged", "SHA256SUMS"}},
		{"suse-content", images + "boot/s390x/cd.ikr", []string{"only a checksum by sha1"}},
	} {
		_, err := readList(t, test.file).Find(images+"SUMS", test.source)
		for _, want := range test.want {
			expectError(t, err, want)
		}
	}
}

// TestFindPrefersThePath checks that a file's own entry counts, not the entry of another file with the same name.
func TestFindPrefersThePath(t *testing.T) {
	one, two := strings.Repeat("1", 64), strings.Repeat("2", 64)
	list, err := ParseList([]byte(one + "  linux\r\n" + two + "  ./gtk/linux\r\n" + two + "  copy/of/gtk/linux\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{"/images/linux": one, "/images/gtk/linux": two} {
		if sum, err := list.Find("/images/SHA256SUMS", source); err != nil || sum.Hex != want {
			t.Errorf("%s: got %v, %v", source, sum, err)
		}
	}
	_, err = list.Find("/images/SHA256SUMS", "/elsewhere/linux")
	expectError(t, err, "several checksums")
}

// TestFindManyCandidates checks that a message stays readable.
func TestFindManyCandidates(t *testing.T) {
	var text strings.Builder
	for i := range 12 {
		fmt.Fprintf(&text, "%064x  %d/linux\n", i, i)
	}
	list, err := ParseList([]byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = list.Find("/SHA256SUMS", "/srv/linux")
	expectError(t, err, `for "9/linux" and 2 more; give`)
}

func TestParseListErrors(t *testing.T) {
	sum := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"":                                   "it has no checksum",
		"<!DOCTYPE html>\n<html>not found\n": "and not a web page",
		"# " + sum + "  kernel\n":            "it has no checksum",
		"; k = sha256:" + sum:                "it has no checksum",
		sum[1:] + "  kernel\n":               "it has no checksum",
		"SHA3-256 (kernel) = " + sum:         "it has no checksum",
		"SHA512 (kernel) = " + sum:           "it has no checksum",
		"SHA256 (kernel) " + sum:             "it has no checksum",
		"SHA256 (kernel = " + sum:            "it has no checksum",
		"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + sum + "  kernel\n": "it is damaged or incomplete",
		sum + "  " + strings.Repeat("x", maxListLine):                               "too long for a list of checksums",
		strings.Repeat(" ", maxList+1):                                              "it has more than 8 MiB",
	} {
		_, err := ParseList([]byte(text))
		expectError(t, err, want)
	}
}

// TestParseListSigned checks that nothing outside the signed part is read.
func TestParseListSigned(t *testing.T) {
	text, err := os.ReadFile("testdata/signatures/CHECKSUM")
	if err != nil {
		t.Fatal(err)
	}
	list, err := ParseList(text)
	if err != nil || len(list.entries) != 2 {
		t.Errorf("got %v, %v", list, err)
	}
	_, err = ParseList(append(bytes.Clone(text), strings.Repeat("a", 64)+"  kernel\n"...))
	expectError(t, err, "which is not signed")
}

// FuzzParseList checks that a list that was read can be written and read again, and that its entries are found.
func FuzzParseList(f *testing.F) {
	files, err := filepath.Glob("testdata/lists/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/signatures/CHECKSUM") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := ParseList(text)
		if err != nil {
			return
		}
		for _, entry := range list.entries {
			line := entry.sum.Hex
			if entry.name != "" {
				line = `\` + entry.sum.Hex + "  " + escape.Replace(entry.name)
			}
			again, ok := parseListLine(strings.TrimSpace(line))
			// Blanks around a name are lost with those around a line.
			if entry.name = strings.Trim(entry.name, " \t\v\f\u0085\u00a0"); !ok && entry.name != "" || ok && again.sum != entry.sum {
				t.Errorf("%q reads as %+v, %v; want %+v", line, again, ok, entry)
			}
			single := List{[]listEntry{entry}}
			if sum, err := single.Find("/list/SHA256SUMS", "/list/"+entry.name); err == nil && sum != entry.sum {
				t.Errorf("%+v: found %v", entry, sum)
			}
		}
	})
}
