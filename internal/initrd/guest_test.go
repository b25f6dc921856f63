package initrd

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestGuestReadsFiles boots a guest for each compression of the last archive in the initrd, and checks that
// the guest has the added files.
func TestGuestReadsFiles(t *testing.T) {
	t.Parallel()
	existing, err := filepath.Glob("testdata/existing.*")
	if err != nil || len(existing) == 0 {
		t.Fatalf("testdata is empty: %v", err)
	}
	files := []File{
		text("/preseed.cfg", 0o640, "a-file"),
		text("/etc/motd", 0o4755, "replaced"),
		text("/link", 0o644, "a-file-in-place-of-a-link"),
		text("/tmp/file", 0o600, "in-tmp"),
		text("/var/tmp/file", 0o600, "in-var-tmp"),
		text("/root/.ssh/authorized_keys", 0o600, "key"),
		text("/lib/file", 0o444, "behind-a-link"),
		text("/new/deep/file", 0o644, ""),
	}
	for _, name := range existing {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			r, err := Inject(strings.NewReader(labInitrd(t)+read(t, name)), files)
			if err != nil {
				t.Fatal(err)
			}
			wantFiles(t, r, []string{
				"/preseed.cfg mode=100640 owner=0:0 bytes=6 content=[a-file]",
				"/etc/motd mode=104755 owner=0:0 bytes=8 content=[replaced]",
				"/link mode=100644 owner=0:0 bytes=25 content=[a-file-in-place-of-a-link]",
				"/tmp/file mode=100600 owner=0:0 bytes=6 content=[in-tmp]",
				"/var/tmp/file mode=100600 owner=0:0 bytes=10 content=[in-var-tmp]",
				"/root/.ssh/authorized_keys mode=100600 owner=0:0 bytes=3 content=[key]",
				"/usr/lib/file mode=100444 owner=0:0 bytes=13 content=[behind-a-link]",
				"/new/deep/file mode=100644 owner=0:0 bytes=0 content=[]",

				"/tmp mode=41777 ",
				"/var/tmp mode=41777 ",
				"/root mode=40700 ",
				"/etc mode=40755 ",
				"/lib mode=120777 ",
				"/lib/existing mode=100644 owner=0:0 bytes=9 content=[existing]",
				"/root/.ssh mode=40755 ",
				"/new/deep mode=40755 ",
			})
		})
	}
}

// TestGuestReadsParts boots a guest by an initrd of several parts, of which one is packed by lz4.
func TestGuestReadsParts(t *testing.T) {
	t.Parallel()
	last, err := Inject(strings.NewReader(read(t, "testdata/existing.cpio")), []File{text("/etc/motd", 0o640, "replaced")})
	if err != nil {
		t.Fatal(err)
	}
	var parts []Part
	for _, content := range []io.Reader{strings.NewReader(labInitrd(t) + "\x00"), strings.NewReader(read(t, "testdata/existing.lz4")), last} {
		parts = append(parts, func() (io.ReadCloser, error) { return io.NopCloser(content), nil })
	}
	r, err := Join(parts)
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, r, []string{"/lib/existing mode=100644 owner=0:0 bytes=9 content=[existing]", "/etc/motd mode=100640 owner=0:0 bytes=8 content=[replaced]"})
}

// TestKernelUnpacks shows the behaviour that the package works around.
func TestKernelUnpacks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, existing string
		archive        []entry
		want           []string
	}{
		{"directories as they are written", "existing.cpio",
			[]entry{{name: "tmp", mode: 0o040755}, {name: "lib", mode: 0o040755}, {name: "missing/file", mode: 0o100644}}, []string{
				"/tmp mode=40755 ",
				"/lib mode=40755 ",
				"/lib/existing error=[no such file or directory]",
				"/missing/file error=[no such file or directory]",
			}},
		{"nothing right after lz4", "existing.lz4", []entry{{name: "file", mode: 0o100644}}, []string{
			"/etc/motd mode=100600 ",
			"/file error=[no such file or directory]",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			initrd := labInitrd(t) + read(t, filepath.Join("testdata", tt.existing))
			if len(initrd)%4 != 0 {
				t.Fatalf("the archive would not be aligned after %d bytes", len(initrd))
			}
			for i, e := range append(tt.archive, entry{name: trailer}) {
				initrd += e.header(i + 1)
			}
			wantFiles(t, strings.NewReader(initrd), tt.want)
		})
	}
}

// labInitrd returns an initrd with the guest's programs, which is aligned.
func labInitrd(t *testing.T) string {
	t.Helper()
	lab.Need(t)
	name, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content := read(t, name)
	return content + padding(int64(len(content)))
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// wantFiles boots a guest by this initrd and compares what it finds. Each wanted text begins with a path
// and continues with the guest's report.
func wantFiles(t *testing.T, initrd io.Reader, want []string) {
	t.Helper()
	var words []string
	for _, line := range want {
		path, _, _ := strings.Cut(line, " ")
		words = append(words, "netboot.file="+path)
	}
	console := boot(t, initrd, strings.Join(append(words, "netboot.then=poweroff"), " "))
	for _, line := range want {
		if !strings.Contains(console, "NETBOOT-INIT: file="+line) {
			t.Errorf("want %s", line)
		}
	}
	if t.Failed() {
		t.Log(console)
	}
}

// boot runs a guest until it ends, and returns what its console shows.
func boot(t *testing.T, initrd io.Reader, cmdline string) string {
	t.Helper()
	lab.Need(t)
	if err := lab.InstallPackages(t.Context()); err != nil {
		t.Fatal(err)
	}
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "initrd"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(file, initrd)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	console, err := exec.CommandContext(ctx, "qemu-system-s390x",
		"-machine", "s390-ccw-virtio", "-accel", "tcg", "-m", "512M",
		"-nodefaults", "-display", "none", "-action", "panic=exit-failure", "-no-reboot",
		"-chardev", "stdio,id=console", "-device", "sclpconsole,chardev=console",
		"-kernel", kernel, "-initrd", file.Name(), "-append", cmdline,
	).CombinedOutput()
	if err != nil {
		t.Fatalf("the guest failed: %v\n%s", err, console)
	}
	return strings.ReplaceAll(string(console), "\r", "")
}
