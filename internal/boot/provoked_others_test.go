package boot_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// promptCase is a way in which the boot of a guest with other firmware ends at a prompt, or with a firmware that has given up.
type promptCase struct {
	name     string
	arch     string
	config   string // pxelinux.cfg/default; if empty, there is none
	without  string // a file that the TFTP root does not have
	bootfile string // pxelinux.0 by default on a PC
	uefi     bool

	prompt           string // after which nothing happens
	message, meaning string // parts of the explanation
}

// pc is a configuration for PXELINUX.
func pc(text string) string { return "serial 0 115200\n" + text }

var prompts = []promptCase{
	{name: "PXELINUX initrd missing", arch: arch.X86, config: pc(entry("kernel", "nosuch", "x")),
		prompt: "boot: ", message: "Loading nosuch", meaning: "kernel or initrd that the TFTP server does not have"},
	{name: "SLOF initrd missing", arch: arch.PPC64LE, config: entry("kernel", "nosuch", "x"),
		prompt: "\n0 > ", message: "file not found: nosuch", meaning: "kernel or initrd that the TFTP server does not have"},

	{name: "PXELINUX kernel missing", arch: arch.X86, config: pc(entry("nosuch", "initrd", "x")),
		prompt: "boot: ", message: "Loading nosuch", meaning: "kernel or initrd that the TFTP server does not have"},
	{name: "PXELINUX without default", arch: arch.X86, config: pc("label a\nkernel kernel\n"),
		prompt: "boot: ", message: "No DEFAULT", meaning: "without a default line"},
	{name: "PXELINUX command line too long", arch: arch.X86, config: pc(entry("kernel", "initrd", strings.Repeat("x", 2100))),
		prompt: "boot: ", message: "cmdline too long", meaning: "too long"},
	{name: "PXELINUX without ldlinux.c32", arch: arch.X86, config: pc(entry("kernel", "initrd", "x")), without: "ldlinux.c32",
		prompt: "Boot failed", message: "Failed to load ldlinux.c32", meaning: "second part"},
	{name: "PXELINUX without configuration", arch: arch.X86,
		prompt: "Boot failed", message: "Unable to locate configuration file", meaning: "found no pxelinux.cfg file"},
	{name: "bootfile missing", arch: arch.X86, bootfile: "nosuch.0",
		prompt: "No bootable device", message: "nosuch.0... No", meaning: "bootfile that the TFTP server does not have"},
	{name: "no bootfile", arch: arch.X86, bootfile: "none",
		prompt: "No bootable device", message: "Nothing to boot", meaning: "named no bootfile"},
	{name: "iPXE script without its file", arch: arch.X86, bootfile: "boot.ipxe",
		prompt: "iPXE> ", message: "nosuch.0... No", meaning: "the script that iPXE runs names it"},
	{name: "GRUB without modules", arch: arch.X86, bootfile: "core.0",
		prompt: "grub rescue> ", message: "error: File not found", meaning: "it does not find its module normal.mod"},
	{name: "UEFI GRUB without modules", arch: arch.X86, bootfile: "core.efi", uefi: true,
		prompt: "grub rescue> ", message: "error: File not found", meaning: "it does not find its module normal.mod"},
	{name: "SLOF vmlinux", arch: arch.PPC64LE, config: entry("vmlinux", "initrd", "x"),
		prompt: "\n0 > ", message: "E3403: Bad executable", meaning: "VirtAddr is not PhysAddr"},
	{name: "SLOF kernel missing", arch: arch.PPC64LE, config: entry("nosuch", "initrd", "x"),
		prompt: "\n0 > ", message: "file not found: nosuch", meaning: "kernel or initrd that the TFTP server does not have"},
	{name: "SLOF without configuration", arch: arch.PPC64LE,
		prompt: "\n0 > ", message: "Trying pxelinux.cfg files", meaning: "no pxelinux.cfg file"},
}

// TestConformancePrompts boots guests whose boot ends at a prompt, and checks that a watch ends within seconds after the prompt,
// while the console stays open, and that its explanation is right.
func TestConformancePrompts(t *testing.T) {
	lab.Need(t)
	cases := prompts
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		cases = prompts[:1] // "make conformance" boots all, which takes a minute
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			console := c.boot(t, macOf(i))
			failure, waited := watchLive(t, console)
			if failure.Reason != boot.GaveUp || waited > 3*time.Second {
				t.Errorf("the watch ended %s after the prompt: %v", waited, failure)
			}
			if e := failure.Explanations; len(e) == 0 || !strings.Contains(e[0].Message, c.message) || !strings.Contains(e[0].Meaning, c.meaning) {
				t.Errorf("want %q explained as %q: %v", c.message, c.meaning, failure)
			}
			if t.Failed() {
				t.Errorf("%q", console)
			}
		})
	}
}

// watchLive watches a console that shows this and then stays open. waited is how long the watch takes after that.
func watchLive(t *testing.T, shown string) (failure *boot.Failure, waited time.Duration) {
	t.Helper()
	console, guest := io.Pipe()
	defer func() { _ = console.Close() }()
	all := make(chan time.Time, 1)
	go func() {
		_, _ = io.WriteString(guest, shown)
		all <- time.Now()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := boot.Watch(ctx, console, boot.Expectation{Expect: []*regexp.Regexp{regexp.MustCompile("never seen")}})
	if !errors.As(err, &failure) {
		t.Fatal(err)
	}
	select {
	case end := <-all:
		return failure, time.Since(end)
	default:
		return failure, 0 // it did not need everything
	}
}

// copyFiles adds the files of a directory.
func copyFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
}

// boot boots the case's guest until the prompt, and returns what its console shows.
func (c promptCase) boot(t *testing.T, mac string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := labNetwork{root: t.TempDir()}
	m := lab.Machine{Arch: c.arch, MAC: mac, TFTPRoot: n.root, QEMU: lab.PSeriesQEMU, GiveUpAt: c.prompt, Patience: 500 * time.Millisecond}
	files := map[string]string{"initrd": "an initrd", "kernel": string(lab.PSeriesProbeKernel(0)), "vmlinux": string(lab.PSeriesVmlinux(0)), "pxelinux.cfg/default": c.config}
	if c.arch == arch.X86 {
		m.QEMU, m.OneSerial, m.BootFile, m.UEFI = lab.PCQEMU, true, "pxelinux.0", c.uefi
		files["kernel"] = string(lab.PCProbeKernel(0))
		files["boot.ipxe"] = "#!ipxe\nchain nosuch.0 || shell\n"
		loader, err := lab.PXELINUX(t.Context())
		if strings.HasPrefix(c.bootfile, "core.") {
			loader, err = lab.RescueGRUB(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		copyFiles(t, loader, files)
	}
	switch c.bootfile {
	case "":
	case "none":
		m.BootFile = ""
	default:
		m.BootFile = c.bootfile
	}
	for name, content := range files {
		if name != c.without && content != "" {
			n.serve(t, name, []byte(content))
		}
	}
	guest, err := lab.Shared(t).Netboot(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = guest.Close() }()
	return guest.Transcript()
}
