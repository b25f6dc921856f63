package image_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// The MAC addresses of machines that get the kernel from an entry, and as their bootfile.
const (
	byEntry    = "52:54:00:02:00:01"
	byBootfile = "52:54:00:02:00:02"
)

// TestCommandLineOnFirmware boots a kernel that carries its command line on firmware of every
// generation, and checks the guest's memory when the kernel runs.
func TestCommandLineOnFirmware(t *testing.T) {
	lab.Need(t)
	const size = 4096
	cmdline := strings.Repeat("0123456789", 300)
	original := append(lab.ProbeKernel(1), make([]byte, size)...)
	binary.BigEndian.PutUint64(original[0x10430:], size)
	reader, err := image.WithCommandLine(bytes.NewReader(original), cmdline)
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, map[string]string{
		"kernel":               string(kernel),
		"initrd":               "an initrd",
		"pxelinux.cfg/default": "label a\nkernel kernel\ninitrd initrd\nappend " + strings.Repeat("x", 895) + "\n",
	})
	qemus, err := lab.QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, qemu := range qemus {
		for how, mac := range map[string]string{"entry": byEntry, "bootfile": byBootfile} {
			t.Run(qemu.Name+" "+how, func(t *testing.T) {
				guest := boot(t, lab.Machine{QEMU: qemu, MAC: mac, Bridge: "cmdline"})
				probe, ran, err := guest.Probe()
				if err != nil || !ran {
					t.Fatalf("the kernel did not run, stopped at %#x: %v\n%s", guest.Address, err, guest.Console())
				}
				if mac == byEntry && string(probe.Initrd) != "an initrd" {
					t.Errorf("the initrd is %q", probe.Initrd)
				}
				wantMemory(t, guest, 0x10480, append([]byte(cmdline), make([]byte, size-len(cmdline))...))
				wantMemory(t, guest, 0x10000, original[0x10000:0x10010])
			})
		}
	}
}

// serve starts the network of testdata with these files under its TFTP root.
func serve(t *testing.T, files map[string]string) {
	t.Helper()
	host := lab.Shared(t)
	for name, content := range files {
		file := filepath.Join(host.Dir, "srv", "cmdline", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := host.Virsh(t.Context(), "net-create", "testdata/network.xml"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = host.Virsh(context.Background(), "net-destroy", "cmdline") })
}

func boot(t *testing.T, machine lab.Machine) *lab.Guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	guest, err := lab.Shared(t).Netboot(ctx, machine)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := guest.Close(); err != nil {
			t.Error(err)
		}
	})
	return guest
}

func wantMemory(t *testing.T, guest *lab.Guest, address uint64, want []byte) {
	t.Helper()
	got, err := guest.Memory(address, uint64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("at %#x the memory holds %q, want %q", address, got, want)
	}
}
