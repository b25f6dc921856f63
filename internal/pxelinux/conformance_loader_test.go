package pxelinux_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// TestConformanceLoader serves each file of testdata/conformance/x86_64 to PXELINUX and compares what it boots with what this
// package says about the text.
//
// If ValidateText finds an error, PXELINUX does not do what the text says. What it does instead is in NAME.want. A text whose
// command line depends on the guest also has such a file, in which MAC stands for the guest's MAC address.
func TestConformanceLoader(t *testing.T) {
	cases := casesOf(t, "testdata/conformance/x86_64")
	root := newLoaderRoot(t)
	for _, name := range cases {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text := string(read(t, name+".cfg"))
			want := predictLoader(text)
			m := root.pc(t, text)
			if golden, found := goldenOf(t, name); found {
				want = strings.ReplaceAll(golden, "MAC", strings.ReplaceAll(m.MAC, ":", "-"))
			} else if refuses(text, pxelinux.PXELINUX) {
				t.Errorf("ValidateText refuses the text, so a file must say what PXELINUX does: %v", pxelinux.ValidateText(text, pxelinux.PXELINUX))
			}
			if want != undefined {
				root.wantBoot(t, m, want)
			}
		})
	}
}

// casesOf is a sample of the cases in a directory, without their extension.
func casesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.cfg"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no cases: %v", err)
	}
	cases := sample(files)
	for i := range cases {
		cases[i] = strings.TrimSuffix(cases[i], ".cfg")
	}
	return cases
}

// sample is every tenth case, because each needs some seconds of a processor. "make conformance" sets NETBOOT_CONFORMANCE=all, which
// means all cases.
func sample[T any](all []T) []T {
	if os.Getenv("NETBOOT_CONFORMANCE") == "all" {
		return all
	}
	var some []T
	for i := 0; i < len(all); i += 10 {
		some = append(some, all[i])
	}
	return some
}

func refuses(text string, by pxelinux.Reader) bool {
	return slices.ContainsFunc(pxelinux.ValidateText(text, by), func(p pxelinux.Problem) bool { return p.Severity == pxelinux.Error })
}

func goldenOf(t *testing.T, name string) (want string, found bool) {
	t.Helper()
	text, err := os.ReadFile(name + ".want")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text)), err == nil
}

// predictLoader is what the package says that PXELINUX boots.
func predictLoader(text string) string {
	config, _ := pxelinux.Parse(text, pxelinux.PXELINUX)
	entry, err := config.Boot(pxelinux.PXELINUX, "")
	if err != nil {
		return "fails: " + err.Error()
	}
	return describeLoader(entry.Kernel, entry.Initrd, entry.CommandLine())
}

// describeLoader has the form of a .want file.
func describeLoader(kernel, initrd, commandLine string) string {
	return fmt.Sprintf("kernel: %s\ninitrd: %s\ncommand line: %s", kernel, initrd, strings.TrimRight(commandLine, " "))
}

// sameBoot replaces what does not matter: several names of one file, and the place of the word for the initrd, which Parse
// takes out of the arguments.
func sameBoot(outcome string) string {
	lines := strings.Split(strings.TrimSpace(outcome), "\n")
	for i, line := range lines {
		keyword, value, _ := strings.Cut(line, ": ")
		switch strings.TrimSuffix(keyword, ":") {
		case "kernel":
			lines[i] = "kernel: " + path.Clean("/" + strings.TrimPrefix(strings.TrimPrefix(value, "::"), "tftp://10.0.2.2/"))[1:]
		case "initrd":
			lines[i] = strings.ReplaceAll(line, " /", " ")
		case "command line":
			words := strings.Fields(value)
			slices.SortStableFunc(words, func(a, b string) int {
				return cmp.Compare(strings.Index(a, "initrd="), strings.Index(b, "initrd="))
			})
			lines[i] = "command line: " + strings.Join(words, " ")
		}
	}
	return strings.Join(lines, "\n")
}

var longestLoaderPath = "long/" + strings.Repeat("k", pxelinux.MaxLoaderPath-len("long/"))

// loaderKernels and loaderInitrds are the files that configurations name, as for s390x.
var (
	loaderKernels = []string{"k", "k2", "boot/k", longestLoaderPath, "a", "k.bin"}
	loaderInitrds = []string{"i", "i2", "boot/i"}
)

// loaderRoot is a TFTP root of QEMU's own network.
type loaderRoot struct {
	host    *lab.Host
	dir     string
	kernels []string // by their numbers
}

// newRoot is a TFTP root with kernels, which a function makes by their numbers, and initrds, whose content is their name.
func newRoot(t *testing.T, kernels []string, kernel func(number uint16) []byte) loaderRoot {
	t.Helper()
	root := loaderRoot{lab.Shared(t), t.TempDir(), kernels}
	for number, name := range kernels {
		root.serve(t, name, kernel(uint16(number)))
	}
	for _, name := range loaderInitrds {
		root.serve(t, name, []byte(name))
	}
	return root
}

func newLoaderRoot(t *testing.T) loaderRoot {
	t.Helper()
	lab.Need(t)
	loader, err := lab.PXELINUX(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	root := newRoot(t, loaderKernels, lab.PCProbeKernel)
	for _, name := range []string{"pxelinux.0", "ldlinux.c32"} {
		root.serve(t, name, read(t, filepath.Join(loader, name)))
	}
	root.serve(t, "more.cfg", []byte("label more\nkernel k2\ninitrd i2\nappend more=1\n"))
	return root
}

func (r loaderRoot) serve(t *testing.T, name string, content []byte) {
	t.Helper()
	network{root: r.dir}.serve(t, name, content)
}

// pc is a new guest with a configuration with this text.
func (r loaderRoot) pc(t *testing.T, text string) lab.Machine {
	t.Helper()
	mac := newMAC()
	file, err := pxelinux.MACFileName(mac)
	if err != nil {
		t.Fatal(err)
	}
	r.serve(t, "pxelinux.cfg/"+file, []byte(text))
	return lab.Machine{
		Arch: arch.X86, QEMU: lab.PCQEMU, MAC: mac, TFTPRoot: r.dir, BootFile: "pxelinux.0",
		GiveUpAt: "boot: ", Patience: 2 * time.Second,
	}
}

// wantBoot boots a PC and compares what it does with the content of a .want file.
func (r loaderRoot) wantBoot(t *testing.T, m lab.Machine, want string) {
	t.Helper()
	got, console := r.boot(t, m)
	words, fails := strings.CutPrefix(want, "fails: ")
	if fails && got == nothing && strings.Contains(console, words) {
		return
	}
	if sameBoot(got) != sameBoot(want) {
		t.Errorf("got\n%s\nwant\n%s\nThe console:\n%s", got, want, console)
	}
}

// boot returns what a PC boots, or "nothing", and what its screen shows.
func (r loaderRoot) boot(t *testing.T, m lab.Machine) (outcome, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	probe, ran, console, err := r.host.BootProbe(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if !ran {
		return nothing, console
	}
	loaded := strings.FieldsFunc(string(probe.Initrd), func(r rune) bool { return r == 0 })
	return describeLoader(r.kernels[probe.Number], strings.Join(loaded, ","), probe.CommandLine), console
}
