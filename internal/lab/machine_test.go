package lab

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMachineTellsWhatItBooted(t *testing.T) {
	root := filepath.Join(Shared(t).Dir, "srv", "tftp")
	write(t, filepath.Join(root, "kernel"), ProbeKernel(7))
	write(t, filepath.Join(root, "initrd"), []byte("an initrd"))
	write(t, filepath.Join(root, "pxelinux.cfg", "default"),
		[]byte("label a\nkernel kernel\ninitrd initrd\nappend x=1\n"))
	eachQEMU(t, func(t *testing.T, q QEMU) {
		guest := boot(t, q)
		got, ran, err := guest.Probe()
		if err != nil || !ran {
			t.Fatalf("the kernel did not run, stopped at %#x: %v\n%s", guest.Address, err, guest.Console())
		}
		if got.Number != 7 || got.CommandLine != "x=1" || string(got.Initrd) != "an initrd" || got.InitrdSize != 9 {
			t.Errorf("got %+v", got)
		}
	})
}

func TestMachineTellsThatItBootedNothing(t *testing.T) {
	write(t, filepath.Join(Shared(t).Dir, "srv", "tftp", "pxelinux.cfg", "default"), []byte("# no label\n"))
	eachQEMU(t, func(t *testing.T, q QEMU) {
		guest := boot(t, q)
		if _, ran, err := guest.Probe(); ran || err != nil {
			t.Errorf("a kernel ran, error %v", err)
		}
		if !strings.Contains(guest.Console(), "Failed to load OS from network") {
			t.Errorf("the firmware did not give up at %#x:\n%s", guest.Address, guest.Console())
		}
	})
}

func eachQEMU(t *testing.T, test func(*testing.T, QEMU)) {
	create(t, Shared(t), "net", "testdata/network.xml", "lab")
	all, err := QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		t.Run(q.Name, func(t *testing.T) { test(t, q) })
	}
}

func boot(t *testing.T, q QEMU) *Guest {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	guest, err := Shared(t).Netboot(ctx, Machine{QEMU: q, Bridge: "virbr0", MAC: "52:54:00:00:00:07"})
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
