package image_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/image"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// longest is the longest command line that a ppc64le kernel carries.
var longest = strings.Repeat("0123456789abcde ", 128)[:2047]

// TestKernelOnSLOF boots a kernel with the header of a vmlinux, as it is published: from the network, and directly by QEMU.
func TestKernelOnSLOF(t *testing.T) {
	lab.Need(t)
	for name, test := range map[string]struct {
		cmdline *string
		direct  bool
		want    string
	}{
		"without a command line":     {nil, false, ""},
		"with a command line":        {&longest, false, longest},
		"direct with a command line": {&longest, true, longest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.cmdline == nil && os.Getenv("NETBOOT_CONFORMANCE") != "all" {
				t.Skip("make conformance runs this, because it differs little from the others")
			}
			guest := onSLOF(t, lab.PSeriesVmlinux(7), test.cmdline, test.direct)
			probe, ran, err := guest.Probe()
			if err != nil || !ran {
				t.Fatalf("the kernel did not run: %v\n%s", err, guest.Console())
			}
			if probe.Number != 7 || probe.CommandLine != test.want {
				t.Errorf("kernel %d has the command line %q", probe.Number, probe.CommandLine)
			}
			if loaded := strings.TrimRight(string(probe.Initrd), "\x00"); !test.direct && loaded != "an initrd" {
				t.Errorf("the initrd is %q", loaded)
			}
		})
	}
}

// TestConformanceKernelOnSLOF boots Debian's kernel until it finds that its initrd has no root file system.
func TestConformanceKernelOnSLOF(t *testing.T) {
	lab.Need(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this, because it downloads a kernel")
	}
	vmlinux, err := lab.PSeriesKernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := os.ReadFile(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	cmdline := "console=hvc0 netboot.long=" + strings.Repeat("x", 2000) + " netboot.last=1"
	for _, direct := range []bool{false, true} {
		console := onSLOF(t, kernel, &cmdline, direct).Console()
		if !strings.Contains(console, "command line: "+cmdline+"\n") || !strings.Contains(console, "VFS: Unable to mount root fs") {
			t.Errorf("direct %v: the kernel does not boot with its command line:\n%s", direct, console)
		}
	}
}

// onSLOF boots a ppc64le kernel as it is published.
func onSLOF(t *testing.T, kernel []byte, cmdline *string, direct bool) *lab.Guest {
	t.Helper()
	reader, err := image.ForFirmware(arch.PPC64LE, bytes.NewReader(kernel), cmdline)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, content := range map[string]string{
		"kernel": string(content), "initrd": "an initrd", "pxelinux.cfg/default": "label a\nkernel kernel\ninitrd initrd\nappend lost\n",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	machine := lab.Machine{
		Arch: arch.PPC64LE, QEMU: lab.PSeriesQEMU, MAC: byEntry, Memory: "1G", TFTPRoot: root, GiveUpAt: "\n0 > ", Patience: 100 * time.Millisecond,
	}
	if direct {
		machine.Kernel = filepath.Join(root, "kernel")
	}
	return boot(t, machine)
}
