package pxelinux_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
)

const (
	page     = 4096
	mebibyte = 1 << 20
)

// TestConformanceSize boots with as large an initrd as fits, and with a larger one.
func TestConformanceSize(t *testing.T) {
	n := startNetwork(t, "conform", "testdata/conformance/network.xml")
	n.serveFiles(t)
	for _, f := range firmwares(t) {
		if f.generation == pxelinux.SeparateLoader {
			t.Run("one byte more "+f.name, func(t *testing.T) {
				t.Parallel()
				const memory = 512 * mebibyte
				room := f.roomForInitrd(memory)
				n.wantTooLarge(t, f, memory, room+1, fmt.Sprintf("TFTP buffer of %d bytes is too small for ", room))
			})
			continue // 120 MiB take long enough once
		}
		const memory = 5 * mebibyte
		t.Run("fits "+f.name, func(t *testing.T) {
			t.Parallel()
			initrd := "fits-" + f.name
			n.serveLarge(t, initrd, f.roomForInitrd(memory))
			want := describe(pxelinux.Entry{Label: "a", Kernel: "k", Initrd: initrd, Append: "x=1"})
			n.wantBoot(t, n.guest(t, f, memory, initrd), want)
		})
		t.Run("one page more "+f.name, func(t *testing.T) {
			t.Parallel()
			// This firmware lets a file overwrite it up to its entry point, which is in its first page.
			n.wantTooLarge(t, f, memory, f.roomForInitrd(memory)+page, "bytes is too small for ")
		})
	}
}

// roomForInitrd is the room that MaxLoad leaves after the kernel.
func (f firmware) roomForInitrd(memory uint64) uint64 {
	kernel := uint64(len(lab.ProbeKernel(0)))
	return f.generation.MaxLoad(memory) - (kernel+page-1)&^(page-1)
}

// wantTooLarge boots with an initrd of this size and expects these words and its name on the console.
func (n network) wantTooLarge(t *testing.T, f firmware, memory, size uint64, words string) {
	t.Helper()
	initrd := "large-" + f.name
	n.serveLarge(t, initrd, size)
	m := n.guest(t, f, memory, initrd)
	m.GiveUpAt = words + initrd
	got, console := n.boot(t, m, 5*time.Minute)
	if got != nothing || !strings.Contains(console, m.GiveUpAt) {
		t.Errorf("got\n%s\nwant %q on the console:\n%s", got, m.GiveUpAt, console)
	}
}

// TestConformanceMemory boots with as little memory as a guest may have, and with less.
func TestConformanceMemory(t *testing.T) {
	tooLittle := map[pxelinux.Firmware]uint64{
		pxelinux.SeparateLoader: 124 * mebibyte,
		pxelinux.Merged:         3 * mebibyte,
		pxelinux.Menu:           3 * mebibyte,
	}
	n := startNetwork(t, "conform", "testdata/conformance/network.xml")
	n.serveFiles(t)
	for _, f := range firmwares(t) {
		t.Run("enough "+f.name, func(t *testing.T) {
			t.Parallel()
			n.wantBoot(t, n.guest(t, f, f.generation.MinMemory(), "i"), booted("a"))
		})
		t.Run("too little "+f.name, func(t *testing.T) {
			t.Parallel()
			m := n.guest(t, f, tooLittle[f.generation], "i")
			m.GiveUpAt = "bytes is too small for k"
			got, console := n.boot(t, m, 5*time.Second) // the separate loader hangs without a message
			if got != nothing {
				t.Errorf("got\n%s\nwant nothing. The console:\n%s", got, console)
			}
		})
	}
}

// TestConformanceLoadparm boots with each kind of loadparm.
func TestConformanceLoadparm(t *testing.T) {
	n := startNetwork(t, "conform", "testdata/conformance/network.xml")
	n.serveFiles(t)
	text := "default b\n" + entry("a") + entry("b") + entry("c")
	for _, f := range firmwares(t) {
		config, _ := pxelinux.Parse(text, f.generation)
		for _, loadparm := range []string{"", "0", "1", "2", "3", "03", "4", "A", "3A"} {
			t.Run(f.name+" "+loadparm, func(t *testing.T) {
				t.Parallel()
				want := "fails: loadparm is set to an entry that is not available in the pxelinux.cfg file!"
				if entry, err := config.Boot(f.generation, loadparm); err == nil {
					want = describe(entry)
				}
				m := n.guestOf(t, f, text)
				m.Loadparm = loadparm
				n.wantBoot(t, m, want)
			})
		}
	}
}

// guest returns a guest with a configuration that boots the kernel k with this initrd.
func (n network) guest(t *testing.T, f firmware, memory uint64, initrd string) lab.Machine {
	t.Helper()
	m := n.guestOf(t, f, strings.Replace(entry("a"), "initrd i", "initrd "+initrd, 1))
	m.Memory = fmt.Sprintf("%dM", memory/mebibyte)
	return m
}

// serveLarge serves a file that contains its own name and otherwise is a hole.
func (n network) serveLarge(t *testing.T, name string, size uint64) {
	t.Helper()
	n.serve(t, name, []byte(name))
	if err := os.Truncate(filepath.Join(n.root, name), int64(size)); err != nil {
		t.Fatal(err)
	}
}
