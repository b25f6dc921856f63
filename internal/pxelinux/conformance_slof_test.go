package pxelinux_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

// slofGivesUp is the prompt at which SLOF ends if it boots nothing.
const slofGivesUp = "\n0 > "

// TestConformanceSLOF serves each file of testdata/conformance/ppc64le to SLOF and compares what it boots with what this package
// says about the text. If ValidateText finds an error, NAME.want says what SLOF does instead, or "undefined" if that depends
// on the content of the firmware's memory.
func TestConformanceSLOF(t *testing.T) {
	root := newRoot(t, slofKernels, lab.PSeriesProbeKernel)
	for _, name := range casesOf(t, "testdata/conformance/ppc64le") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			text := string(read(t, name+".cfg"))
			want := predictSLOF(text)
			if golden, found := goldenOf(t, name); found {
				want = golden
			} else if refuses(text, pxelinux.SLOF) {
				t.Errorf("ValidateText refuses the text, so a file must say what SLOF does: %v", pxelinux.ValidateText(text, pxelinux.SLOF))
			}
			if want == undefined {
				return
			}
			mac := newMAC()
			file, err := pxelinux.MACFileName(mac)
			if err != nil {
				t.Fatal(err)
			}
			root.serve(t, "pxelinux.cfg/"+file, []byte(text))
			root.wantBoot(t, root.slof(pxelinux.Search{MAC: mac}), want)
		})
	}
}

// TestConformanceReaderWants finds .want files that say what this package says as well.
func TestConformanceReaderWants(t *testing.T) {
	for dir, by := range map[string]struct {
		reader  pxelinux.Reader
		predict func(string) string
	}{
		"x86_64":  {pxelinux.PXELINUX, predictLoader},
		"ppc64le": {pxelinux.SLOF, predictSLOF},
	} {
		wants, err := filepath.Glob(filepath.Join("testdata/conformance", dir, "*.want"))
		if err != nil || len(wants) == 0 {
			t.Fatal(wants, err)
		}
		for _, want := range wants {
			name := strings.TrimSuffix(want, ".want")
			text := string(read(t, name+".cfg"))
			golden, _ := goldenOf(t, name)
			if !refuses(text, by.reader) && sameBoot(golden) == sameBoot(by.predict(text)) {
				t.Errorf("%s is for a text that ValidateText does not refuse", want)
			}
		}
	}
}

var slofKernels = []string{"k", "k2", "boot/k", longestPath}

// slof is a ppc64le guest.
func (r loaderRoot) slof(search pxelinux.Search) lab.Machine {
	return lab.Machine{
		Arch: arch.PPC64LE, QEMU: lab.PSeriesQEMU, MAC: search.MAC, UUID: search.UUID, TFTPRoot: r.dir, BootFile: search.BootFile,
		GiveUpAt: slofGivesUp, Patience: 100 * time.Millisecond,
	}
}

// predictSLOF is what the package says that SLOF boots.
func predictSLOF(text string) string {
	config, _ := pxelinux.Parse(text, pxelinux.SLOF)
	entry, err := config.Boot(pxelinux.SLOF, "")
	if err != nil {
		return "fails: No valid entries in pxelinux config file."
	}
	return describeLoader(entry.Kernel, entry.Initrd, entry.Append)
}

// TestConformanceSLOFSearch compares Search.Paths with the files that SLOF requests from a server without files.
func TestConformanceSLOFSearch(t *testing.T) {
	root := newRoot(t, nil, nil)
	for _, search := range sample([]pxelinux.Search{
		{UUID: uuid},
		{},
		{UUID: uuid, BootFile: "core.elf"},
		{UUID: uuid, BootFile: "sub/"},
	}) {
		t.Run(strings.TrimSpace(search.UUID+" "+search.BootFile), func(t *testing.T) {
			t.Parallel()
			search.Reader, search.MAC, search.IPv4 = pxelinux.SLOF, newMAC(), loaderAddress
			m := root.slof(search)
			m.Requests = filepath.Join(t.TempDir(), "requests")
			if got, console := root.boot(t, m); got != nothing {
				t.Fatalf("got\n%s\nThe console:\n%s", got, console)
			}
			want := cleaned(paths(t, search))
			// SLOF tries everything twice.
			if got := requestedFiles(t, m.Requests); !slices.Equal(got, slices.Compact(slices.Concat(want, want))) {
				t.Errorf("SLOF asked for\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
