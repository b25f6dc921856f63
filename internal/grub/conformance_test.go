package grub_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/grub"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// TestConformance serves each file of testdata/conformance to Debian's signed GRUB, by the dispatcher, and compares what it boots with
// what this package says about the text. If ValidateText finds an error, or the text has something that this package does not
// understand, what GRUB does is in NAME.want.
func TestConformance(t *testing.T) {
	files, err := filepath.Glob("testdata/conformance/*.cfg")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no cases: %v", err)
	}
	root := newRoot(t)
	for _, file := range sample(files, 0) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".cfg"), func(t *testing.T) {
			t.Parallel()
			text := string(read(t, file))
			want := predict(grub.Parse(text))
			if golden, err := os.ReadFile(strings.TrimSuffix(file, ".cfg") + ".want"); err == nil {
				want = strings.TrimSpace(string(golden))
			} else if !errors.Is(err, os.ErrNotExist) || refuses(text) {
				t.Errorf("ValidateText refuses the text, so a file must say what GRUB does: %v", grub.ValidateText(text))
			}
			root.wantBoot(t, text, want)
		})
	}
}

// TestConformanceRender boots what Render writes for values that a shell would change.
func TestConformanceRender(t *testing.T) {
	root := newRoot(t)
	for _, c := range sample(rendered, 1) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := grub.Render(c.config)
			if err != nil {
				t.Fatal(err)
			}
			root.wantBoot(t, text, cmp.Or(c.want, predict(c.config)))
		})
	}
}

// TestConformanceDispatcher boots a guest by the file for its architecture, and one without any file.
func TestConformanceDispatcher(t *testing.T) {
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this test")
	}
	none, all := newRoot(t), newRoot(t)
	name, err := grub.ArchFileName("x86_64")
	if err != nil {
		t.Fatal(err)
	}
	config := oneEntry(pxelinux.Entry{Label: "a", Kernel: "k", Initrd: "i", Append: "for=all"})
	text, err := grub.Render(config)
	if err != nil {
		t.Fatal(err)
	}
	all.serve(t, "grub/"+name, []byte(text))
	for name, c := range map[string]struct {
		root tftpRoot
		want string
	}{
		"architecture": {all, predict(config)},
		"nothing":      {none, "fails: netboot: GRUB finds no configuration; the guest restarts in 30 seconds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.root.wants(t, newMAC(), c.want)
		})
	}
}

// armCases are cases of TestConformanceRender that depend on what loads a kernel on arm64.
var armCases = []string{"words that a shell changes", "quotes", "two initrds", "default", "longest path", "longest command line", "kernel missing", "initrd missing"}

// TestConformanceArm boots aarch64 guests by Debian's signed GRUB. Their probe shows its command line, and not its initrd.
func TestConformanceArm(t *testing.T) {
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this test")
	}
	root := newArmRoot(t)
	for _, c := range rendered {
		if !slices.Contains(armCases, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text, err := grub.Render(c.config)
			if err != nil {
				t.Fatal(err)
			}
			want := withoutInitrd.ReplaceAllString(cmp.Or(c.want, predict(c.config)), "initrd: ")
			root.wantBoot(t, text, strings.ReplaceAll(want, "é", "?")) // the console shows only ASCII
		})
	}
	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		newArmRoot(t).wants(t, newMAC(), "fails: netboot: GRUB finds no configuration; the guest restarts in 30 seconds")
	})
}

// TestConformanceSecureBoot boots a guest with secure boot, by Debian's shim and GRUB. They run the dispatcher and a configuration, and
// refuse a kernel that is not signed.
func TestConformanceSecureBoot(t *testing.T) {
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this test")
	}
	root := newRoot(t)
	root.serve(t, "grubx64.efi", read(t, filepath.Join(root.dir, bootFile)))
	shim, err := lab.Shim(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root.serve(t, bootFile, read(t, shim))
	root.guest.Secure = true
	text, err := grub.Render(withAppend("x=1"))
	if err != nil {
		t.Fatal(err)
	}
	root.wantBoot(t, text, "fails: error: bad shim signature")
}

var withoutInitrd = regexp.MustCompile(`initrd: .*`)

// sample is some of the cases, because each needs ten seconds of a processor. "make conformance" sets NETBOOT_CONFORMANCE=all, which
// means all cases.
func sample[T any](all []T, some int) []T {
	if os.Getenv("NETBOOT_CONFORMANCE") == "all" {
		return all
	}
	return all[:some]
}

func oneEntry(e pxelinux.Entry) pxelinux.Config { return pxelinux.Config{Entries: []pxelinux.Entry{e}} }

func withAppend(arguments string) pxelinux.Config {
	return oneEntry(pxelinux.Entry{Label: "a", Kernel: "k", Initrd: "i", Append: arguments})
}

var rendered = []struct {
	name   string
	config pxelinux.Config
	want   string // if it is not what the configuration says
}{
	{"words that a shell changes", withAppend(`$net_default_mac ${root} ; {} | & < > # * ? [x] !no ~ if fi [[ é a=$b`), ""},
	{"quotes", withAppend(`a="two words" "b=three  words" c="one" d="" "e" f=g`), "kernel: k\ninitrd: i\ncommand line: BOOT_IMAGE=/k \"a=two words\" \"b=three  words\" c=one d= e f=g"},
	{"no append", withAppend(""), ""},
	{"no initrd", oneEntry(pxelinux.Entry{Label: "a", Kernel: "k", Append: "x"}), ""},
	{"two initrds", oneEntry(pxelinux.Entry{Label: "a", Kernel: "k", Initrd: "i,boot/i,i2"}), ""},
	{"default", pxelinux.Config{Default: `it's "b" > $c`, Entries: []pxelinux.Entry{
		{Label: "a", Kernel: "k", Initrd: "i"}, {Label: `it's "b" > $c`, Kernel: "k2", Initrd: "i2"}}}, ""},
	{"directories", oneEntry(pxelinux.Entry{Label: "a", Kernel: "/boot/k", Initrd: "boot/i"}), "kernel: boot/k\ninitrd: boot/i\ncommand line: BOOT_IMAGE=/boot/k"},
	{"names", oneEntry(pxelinux.Entry{Label: "a", Kernel: oddName, Initrd: "i"}), ""},
	{"longest path", oneEntry(pxelinux.Entry{Label: "a", Kernel: longestPath, Initrd: "i"}), ""},
	{"longest command line", withAppend(longAppend(grub.MaxCommandLine)), ""},
	{"device", oneEntry(pxelinux.Entry{Label: "a", Kernel: "(tftp,10.0.2.2)/k", Initrd: "(tftp,10.0.2.2)/i"}), "kernel: k\ninitrd: i\ncommand line: BOOT_IMAGE=(tftp,10.0.2.2)/k"},
	{"300 entries", manyEntries(300), ""},
	{"kernel missing", oneEntry(pxelinux.Entry{Label: "a", Kernel: "nosuch", Initrd: "i"}), "fails: Loading /nosuch...error: File not found."},
	{"initrd missing", oneEntry(pxelinux.Entry{Label: "a", Kernel: "k", Initrd: "nosuch"}), "fails: Loading /nosuch...error: File not found."},
	{"no kernel", oneEntry(pxelinux.Entry{Label: "a", Kernel: "i", Initrd: "i"}), "fails: Loading /i...error: premature end of file /i."},
}

// oddName is a name that GRUB's shell would change, and longestPath is the longest path that it loads.
const oddName = "odd/it's a $kernel;{1}&#"

var longestPath = strings.Repeat(strings.Repeat("d", 99)+"/", 4) + strings.Repeat("k", grub.MaxPath-1-400)

// longAppend makes a command line of this size.
func longAppend(size int) string {
	size -= len("BOOT_IMAGE=/k ")
	return strings.Repeat("x=1 ", size/4-1) + strings.Repeat("y", size%4+4)
}

func manyEntries(count int) pxelinux.Config {
	c := pxelinux.Config{Default: fmt.Sprint("entry ", count)}
	for i := range count {
		c.Entries = append(c.Entries, pxelinux.Entry{Label: fmt.Sprint("entry ", i+1), Kernel: "k", Initrd: "i", Append: fmt.Sprint("entry=", i+1)})
	}
	return c
}

func refuses(text string) bool {
	return slices.ContainsFunc(grub.ValidateText(text), func(p pxelinux.Problem) bool { return p.Severity == pxelinux.Error })
}

// predict is what the package says that GRUB boots.
func predict(c pxelinux.Config) string {
	entry, err := grub.Boot(c)
	if err != nil {
		return "fails: " + err.Error()
	}
	return describe(entry.Kernel, entry.Initrd, grub.CommandLine(entry))
}

// describe has the form of a .want file.
func describe(kernel, initrd, commandLine string) string {
	return fmt.Sprintf("kernel: %s\ninitrd: %s\ncommand line: %s", kernel, initrd, strings.TrimRight(commandLine, " "))
}

// kernels and initrds are the files that configurations name. The number of a kernel is its position, and the content of an initrd
// is its name.
var (
	kernels = []string{"k", "k2", "boot/k", oddName, longestPath}
	initrds = []string{"i", "i2", "boot/i"}
)

// tftpRoot is a TFTP root of QEMU's own network.
type tftpRoot struct {
	host  *lab.Host
	dir   string
	guest lab.Machine
}

const bootFile = "grub.efi"

func newRoot(t *testing.T) tftpRoot {
	t.Helper()
	lab.Need(t)
	image, err := lab.GRUB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rootWith(t, image, lab.Machine{Arch: "x86_64", UEFI: true, QEMU: lab.PCQEMU}, lab.PCProbeKernel)
}

func newArmRoot(t *testing.T) tftpRoot {
	t.Helper()
	lab.Need(t)
	image, err := lab.ArmGRUB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rootWith(t, image, lab.Machine{Arch: "aarch64", QEMU: lab.ArmQEMU}, lab.ArmProbeKernel)
}

// rootWith serves an image of GRUB, and probes, to guests of this kind.
func rootWith(t *testing.T, image string, guest lab.Machine, probe func(number uint16) []byte) tftpRoot {
	t.Helper()
	root := tftpRoot{lab.Shared(t), t.TempDir(), guest}
	root.serve(t, bootFile, read(t, image))
	root.serve(t, "grub/grub.cfg", []byte(grub.Dispatcher()))
	root.serve(t, "more.cfg", []byte("set timeout=0\nmenuentry more {\nlinux /k2 more\ninitrd /i2\n}\n"))
	for number, name := range kernels {
		root.serve(t, name, probe(uint16(number)))
	}
	for _, name := range initrds {
		root.serve(t, name, []byte(name))
	}
	return root
}

func (r tftpRoot) serve(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// wantBoot boots a guest that has a configuration with this text.
func (r tftpRoot) wantBoot(t *testing.T, text, want string) {
	t.Helper()
	mac := newMAC()
	file, err := grub.MACFileName(mac)
	if err != nil {
		t.Fatal(err)
	}
	r.serve(t, "grub/"+file, []byte(text))
	r.wants(t, mac, strings.ReplaceAll(want, "MAC", mac))
}

// wants boots a guest and compares what it does with the content of a .want file.
func (r tftpRoot) wants(t *testing.T, mac, want string) {
	t.Helper()
	got, console := r.boot(t, mac)
	words, fails := strings.CutPrefix(want, "fails: ")
	if fails && got == nothing && strings.Contains(console, words) {
		return
	}
	if sameBoot(got) != sameBoot(want) {
		t.Errorf("got\n%s\nwant\n%s\nThe console:\n%s", got, want, console)
	}
}

// sameBoot replaces several names of one file by one name.
func sameBoot(outcome string) string {
	lines := strings.Split(outcome, "\n")
	for i, line := range lines {
		if rest, found := strings.CutPrefix(line, "command line: BOOT_IMAGE="); found {
			name, words, _ := strings.Cut(rest, " ")
			line = "command line: BOOT_IMAGE=" + path.Clean("/"+name) + " " + words
		}
		if name, found := strings.CutPrefix(line, "kernel: "); found {
			line = "kernel: " + path.Clean("/"+name)
		}
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

const nothing = "nothing"

// boot returns what a guest boots, or "nothing", and what its console shows.
func (r tftpRoot) boot(t *testing.T, mac string) (outcome, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	guest := r.guest
	guest.MAC, guest.TFTPRoot, guest.BootFile = mac, r.dir, bootFile
	guest.GiveUpAt, guest.Patience = "the guest restarts in", 500*time.Millisecond
	probe, ran, console, err := r.host.BootProbe(ctx, guest)
	if err != nil {
		t.Fatal(err)
	}
	if !ran {
		return nothing, console
	}
	loaded := strings.FieldsFunc(string(probe.Initrd), func(r rune) bool { return r == 0 })
	return describe(kernels[probe.Number], strings.Join(loaded, ","), probe.CommandLine), console
}

var lastMAC atomic.Uint32

func newMAC() string {
	n := lastMAC.Add(1)
	return fmt.Sprintf("52:54:00:04:%02x:%02x", byte(n>>8), byte(n))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
