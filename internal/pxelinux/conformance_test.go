package pxelinux_test

import (
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

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// TestConformance serves each file of testdata/conformance to real firmware of every generation and
// compares what it boots with what this package says about the text.
//
// If ValidateText finds an error, the firmware does not do what the text says. What it does instead
// is in NAME.want, or for one generation in NAME.separate.want, NAME.merged.want or NAME.menu.want.
// If that depends on the content of the firmware's memory, the file says "undefined".
//
// Hosts of bookworm boot all cases on every generation. Other hosts boot the same firmware, with another dnsmasq, so a sample of
// the cases is enough for them.
func TestConformance(t *testing.T) {
	cases, err := filepath.Glob("testdata/conformance/*.cfg")
	if err != nil || len(cases) == 0 {
		t.Fatalf("there are no cases: %v", err)
	}
	n := startNetwork(t, "conform", "testdata/conformance/network.xml")
	n.serveFiles(t)
	if n.host.Generation != lab.Bookworm {
		cases = sample(cases)
	}
	for _, f := range firmwares(t) {
		t.Run(f.name, func(t *testing.T) {
			for _, file := range cases {
				name := strings.TrimSuffix(file, ".cfg")
				t.Run(filepath.Base(name), func(t *testing.T) {
					t.Parallel()
					f.conforms(t, n, string(read(t, file)), name)
				})
			}
		})
	}
}

func (f firmware) conforms(t *testing.T, n network, text, name string) {
	want := f.predict(text)
	if f.refuses(text) {
		golden := f.golden(t, name)
		if strings.HasPrefix(golden, "entry: ") && golden != want {
			t.Errorf("Parse reads\n%s\nfor\n%s", want, golden)
		}
		want = golden
	}
	if want == undefined {
		return
	}
	n.wantBoot(t, n.guestOf(t, f, text), want)
}

func (f firmware) refuses(text string) bool {
	return slices.ContainsFunc(pxelinux.ValidateText(text, f.generation),
		func(p pxelinux.Problem) bool { return p.Severity == pxelinux.Error })
}

// predict is what the package says that the firmware boots.
func (f firmware) predict(text string) string {
	config, _ := pxelinux.Parse(text, f.generation)
	entry, err := config.Boot(f.generation, "")
	if err != nil {
		return "fails: " + err.Error()
	}
	if entry.Append == "" {
		entry.Append = "BOOT_IMAGE=" + entry.Kernel // Render writes this instead of an empty line
	}
	if len(entry.Append) > pxelinux.MaxAppendSize { // one more byte is copied, instead of the NUL
		entry.Append = entry.Append[:pxelinux.MaxAppendSize+1] + string(lab.ProbeEnd)
	}
	return describe(entry)
}

// golden is what the firmware does with a text that says something else.
func (f firmware) golden(t *testing.T, name string) string {
	t.Helper()
	want, err := os.ReadFile(name + "." + generationNames[f.generation] + ".want")
	if errors.Is(err, os.ErrNotExist) {
		want, err = os.ReadFile(name + ".want")
	}
	if err != nil {
		t.Fatalf("ValidateText refuses the text, so a file must say what the firmware does: %v", err)
	}
	return strings.TrimSpace(string(want))
}

const undefined = "undefined"

// describe has the form of a .want file.
func describe(e pxelinux.Entry) string {
	return fmt.Sprintf("entry: %s\nkernel: %s\ninitrd: %s\nappend: %s", e.Label, e.Kernel, e.Initrd, e.Append)
}

// TestConformanceWants finds files that no generation needs any more.
func TestConformanceWants(t *testing.T) {
	wants, err := filepath.Glob("testdata/conformance/*.want")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range wants {
		name, generation, _ := strings.Cut(strings.TrimSuffix(filepath.Base(want), ".want"), ".")
		text := string(read(t, filepath.Join("testdata/conformance", name+".cfg")))
		needed := false
		for candidate, name := range generationNames {
			applies := generation == "" || generation == name
			needed = needed || applies && firmware{generation: candidate}.refuses(text)
		}
		if !needed {
			t.Errorf("%s is for a text that ValidateText does not refuse", want)
		}
	}
}

// firmware is a firmware to test, with its QEMU.
type firmware struct {
	name       string
	qemu       lab.QEMU
	generation pxelinux.Firmware
}

var generationNames = map[pxelinux.Firmware]string{
	pxelinux.SeparateLoader: "separate",
	pxelinux.Merged:         "merged",
	pxelinux.Menu:           "menu",
}

func firmwares(t *testing.T) []firmware {
	t.Helper()
	lab.Need(t)
	qemus, err := lab.QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := lab.ThisGeneration()
	if err != nil {
		t.Fatal(err)
	}
	var all []firmware
	for _, qemu := range qemus {
		if qemu.Name == string(hosts) {
			continue // it is the installed one as well
		}
		generation, err := pxelinux.IdentifyFirmware(read(t, qemu.Firmware))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, firmware{qemu.Name + "_" + generationNames[generation], qemu, generation})
	}
	return all
}

// network is one of the lab's libvirt networks, with its own TFTP root.
type network struct {
	host         *lab.Host
	bridge, root string
}

// startNetwork creates a network that ends with the test. Its bridge has its name, and its TFTP root is
// the directory of that name in /srv.
func startNetwork(t *testing.T, name, xml string) network {
	t.Helper()
	host := lab.Shared(t)
	n := network{host, name, filepath.Join(host.Dir, "srv", name)}
	if err := os.MkdirAll(n.root, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := host.Virsh(t.Context(), "net-create", xml); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = host.Virsh(context.Background(), "net-destroy", name) })
	n.keepUp(t)
	return n
}

// keepUp gives the bridge a permanent port. Without it, the bridge has no carrier between two guests and loses
// the first packet of the next guest, which then waits 8 seconds before it sends another.
func (n network) keepUp(t *testing.T) {
	t.Helper()
	port, peer := n.bridge+"-up", n.bridge+"-peer"
	for _, change := range []string{
		"add " + port + " up type veth peer name " + peer,
		"set " + peer + " up",
		"set " + port + " master " + n.bridge,
	} {
		if _, err := n.host.Exec(t.Context(), append([]string{"ip", "link"}, strings.Fields(change)...)...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = n.host.Exec(context.Background(), "ip", "link", "delete", port) })
}

func (n network) serve(t *testing.T, name string, content []byte) {
	t.Helper()
	file := filepath.Join(n.root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// The files that configurations name. The number of a kernel is its position here, and the content of an
// initrd is its name.
var (
	kernels = []string{"k", "k2", "boot/k", longestPath}
	initrds = []string{"i", "i2", "boot/i"}

	longestPath = "long/" + strings.Repeat("k", pxelinux.MaxPathSize-len("long/"))
)

func (n network) serveFiles(t *testing.T) {
	t.Helper()
	for number, name := range kernels {
		n.serve(t, name, lab.ProbeKernel(uint16(number)))
	}
	for _, name := range initrds {
		n.serve(t, name, []byte(name))
	}
}

// guestOf returns a new guest with a configuration with this text.
func (n network) guestOf(t *testing.T, f firmware, text string) lab.Machine {
	t.Helper()
	mac := newMAC()
	file, err := pxelinux.MACFileName(mac)
	if err != nil {
		t.Fatal(err)
	}
	n.serve(t, "pxelinux.cfg/"+file, []byte(text))
	return lab.Machine{QEMU: f.qemu, MAC: mac}
}

// wantBoot boots a machine and compares what it does with the content of a .want file: lines of the
// entry that was booted, or "fails: " and words of the firmware.
func (n network) wantBoot(t *testing.T, m lab.Machine, want string) {
	t.Helper()
	got, console := n.boot(t, m, 2*time.Minute)
	words, fails := strings.CutPrefix(want, "fails: ")
	if fails && got == nothing && strings.Contains(console, words) {
		return
	}
	if got != sameFiles(want) {
		t.Errorf("got\n%s\nwant\n%s\nThe console:\n%s", got, want, console)
	}
}

const nothing = "nothing"

// tooBusy are the messages with which firmware gives up if the machine is so busy that the server sends a block twice, or does
// not answer in time. This does not depend on the configuration.
var tooBusy = []string{"TFTP error missing block", "TFTP error occurred after missing"}

// boot returns what the machine boots within this time, or "nothing", and what its console shows. A boot that failed because
// the machine is too busy is repeated once.
func (n network) boot(t *testing.T, m lab.Machine, limit time.Duration) (outcome, console string) {
	t.Helper()
	outcome, console = n.bootOnce(t, m, limit)
	if slices.ContainsFunc(tooBusy, func(message string) bool { return strings.Contains(console, message) }) || tookConfig(console) {
		return n.bootOnce(t, m, limit)
	}
	return outcome, console
}

var (
	receivedConfig = regexp.MustCompile(`TFTP: Received pxelinux\.cfg/\S+ \((\d+) bytes\)`)
	receivedFile   = regexp.MustCompile(`TFTP: Received \S+ \((\d+) Bytes\)`) // of a kernel or an initrd
)

// tookConfig tells whether the firmware took the configuration for a kernel or an initrd as well. This happens if the machine is so
// busy that the server sends the configuration again, before the firmware asks for the next file: it asks from the same port.
func tookConfig(console string) bool {
	config, file := receivedConfig.FindStringSubmatch(console), receivedFile.FindStringSubmatch(console)
	return config != nil && file != nil && config[1] == file[1]
}

func (n network) bootOnce(t *testing.T, m lab.Machine, limit time.Duration) (outcome, console string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	m.Bridge = n.bridge
	probe, ran, console, err := n.host.BootProbe(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if !ran {
		return nothing, console
	}
	return describe(pxelinux.Entry{
		Label:  entryOnConsole(console),
		Kernel: kernels[probe.Number],
		Initrd: strings.TrimRight(string(probe.Initrd), "\x00"),
		Append: probe.CommandLine,
	}), console
}

var loadingEntry = regexp.MustCompile(`(?m)^Loading pxelinux\.cfg entry '(.*)'$`)

func entryOnConsole(console string) string {
	found := loadingEntry.FindStringSubmatch(console)
	if found == nil {
		return ""
	}
	return found[1]
}

// sameFiles replaces names of files by the names that kernels and initrds have, because the TFTP server accepts
// several names for one file.
func sameFiles(outcome string) string {
	lines := strings.Split(outcome, "\n")
	for i, line := range lines {
		keyword, name, _ := strings.Cut(line, ": ")
		if keyword == "kernel" || keyword == "initrd" {
			lines[i] = keyword + ": " + path.Clean("/" + name)[1:]
		}
	}
	return strings.Join(lines, "\n")
}

var lastMAC atomic.Uint32

func newMAC() string {
	n := lastMAC.Add(1)
	return fmt.Sprintf("52:54:00:01:%02x:%02x", byte(n>>8), byte(n))
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
