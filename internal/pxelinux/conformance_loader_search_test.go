package pxelinux_test

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// loaderUUID is a UUID that PXELINUX takes for a valid one.
const loaderUUID = "a25ea343-dd91-4037-9bb5-e76409e08caa"

// loaderAddress is the address that QEMU's own network gives to its only guest.
const loaderAddress = "10.0.2.15"

// TestConformanceLoaderSearch compares Search.Paths with the files that PXELINUX requests from a server that has only PXELINUX.
func TestConformanceLoaderSearch(t *testing.T) {
	for _, test := range sample([]struct {
		name   string
		search pxelinux.Search // without a MAC address and an IPv4 address
	}{
		{"UUID", pxelinux.Search{UUID: loaderUUID, BootFile: "pxelinux.0"}},
		{"UUID without its file", pxelinux.Search{UUID: uuid, BootFile: "pxelinux.0"}},
		{"UUID that ends in ef", pxelinux.Search{UUID: "a25ea343-dd91-40ef-9bb5-e76409e08caa", BootFile: "pxelinux.0"}},
		{"UUID that ends in f0", pxelinux.Search{UUID: "a25ea343-dd91-40f0-9bb5-e76409e08caa", BootFile: "pxelinux.0"}},
		{"no UUID", pxelinux.Search{BootFile: "pxelinux.0"}},
		{"directory", pxelinux.Search{UUID: loaderUUID, BootFile: "x86/bios/pxelinux.0"}},
		{"slash", pxelinux.Search{UUID: loaderUUID, BootFile: "/pxelinux.0"}},
		{"underscore", pxelinux.Search{UUID: loaderUUID, BootFile: "my_pxelinux.0"}},
		{"dashes", pxelinux.Search{UUID: loaderUUID, BootFile: "my-pxelinux-6.0"}},
	}) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			search := test.search
			search.Reader, search.MAC, search.IPv4 = pxelinux.PXELINUX, newMAC(), loaderAddress
			want := paths(t, search)
			if got := newLoaderRoot(t).requests(t, search); !slices.Equal(got, cleaned(want)) {
				t.Errorf("PXELINUX asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// requests are the configurations that a guest asks for.
func (r loaderRoot) requests(t *testing.T, search pxelinux.Search) []string {
	t.Helper()
	base := search.BootFile[:strings.LastIndexAny(search.BootFile, "/_")+1]
	r.serve(t, search.BootFile, read(t, filepath.Join(r.dir, "pxelinux.0")))
	r.serve(t, base+"ldlinux.c32", read(t, filepath.Join(r.dir, "ldlinux.c32")))
	m := lab.Machine{
		Arch: arch.X86, QEMU: lab.PCQEMU, MAC: search.MAC, UUID: search.UUID, TFTPRoot: r.dir, BootFile: search.BootFile,
		Requests: filepath.Join(t.TempDir(), "requests"), GiveUpAt: "Boot failed: press a key",
	}
	if got, console := r.boot(t, m); got != nothing {
		t.Fatalf("got\n%s\nThe console:\n%s", got, console)
	}
	return slices.DeleteFunc(requestedFiles(t, m.Requests), func(name string) bool { return !strings.Contains(name, "pxelinux.cfg/") })
}

// requestedFiles are the names of files in the requests of a capture, without names that are requested twice in a row.
//
// RFC 1350: a request is the number 1, the name, a zero byte and the mode.
func requestedFiles(t *testing.T, capture string) []string {
	t.Helper()
	var files []string
	packets, err := os.ReadFile(capture)
	if err != nil {
		t.Fatal(err)
	}
	const mode = "\x00octet\x00"
	for {
		before, after, found := bytes.Cut(packets, []byte(mode))
		if !found {
			return slices.Compact(files)
		}
		start := bytes.LastIndex(before, []byte("\x00\x01"))
		files = append(files, path.Clean("/" + string(before[start+2:]))[1:])
		packets = after
	}
}

func cleaned(paths []string) []string {
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = path.Clean("/" + p)[1:]
	}
	return all
}

// TestConformanceLoaderChoice serves some of the files that a guest asks for.
func TestConformanceLoaderChoice(t *testing.T) {
	const (
		entryA = "serial 0 115200\ndefault a\nlabel a\nkernel k\ninitrd i\nappend x=1\n"
		entryB = "serial 0 115200\ndefault b\nlabel b\nkernel k2\ninitrd i2\nappend y=1\n"
	)
	a, b := predictLoader(entryA), predictLoader(entryB)
	for _, test := range sample([]struct {
		name  string
		files func(paths []string) map[string]string
		want  string
	}{
		{"first wins", func(p []string) map[string]string { return map[string]string{p[0]: entryA, p[1]: entryB} }, a},
		{"default is last", func(p []string) map[string]string { return map[string]string{p[len(p)-1]: entryA, p[5]: entryB} }, b},
		{"empty is skipped", func(p []string) map[string]string { return map[string]string{p[0]: "", p[1]: entryB} }, b},
		{"comments win and boot nothing", func(p []string) map[string]string { return map[string]string{p[0]: "# nothing\n", p[1]: entryB} }, "fails: No DEFAULT or UI configuration directive found!"},
		{"large wins", func(p []string) map[string]string {
			return map[string]string{p[0]: entryA + strings.Repeat("# comment\n", 10000), p[1]: entryB}
		}, a},
		{"upper case is another file", func(p []string) map[string]string {
			return map[string]string{strings.ToUpper(p[0]): entryA, p[1]: entryB}
		}, b},
	}) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := newLoaderRoot(t)
			search := pxelinux.Search{Reader: pxelinux.PXELINUX, UUID: loaderUUID, MAC: newMAC(), IPv4: loaderAddress, BootFile: "pxelinux.0"}
			for name, text := range test.files(paths(t, search)) {
				root.serve(t, name, []byte(text))
			}
			root.wantBoot(t, lab.Machine{
				Arch: arch.X86, QEMU: lab.PCQEMU, MAC: search.MAC, UUID: search.UUID, TFTPRoot: root.dir, BootFile: search.BootFile, GiveUpAt: "boot: ",
			}, test.want)
		})
	}
}
