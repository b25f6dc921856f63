package virt_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestFirmware reads the firmware twice, which the host shows once, and looks for traces.
func TestFirmware(t *testing.T) {
	const dir = "/usr/share/qemu" // of Debian's package
	pools := virsh(t, "pool-list", "--all", "--uuid")
	before, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	host := open(t, lab.Shared(t).URI)
	want, err := os.ReadFile(dir + "/s390-ccw.img")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := host.Firmware(t.Context())
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes and %v, want %d", len(got), err, len(want))
		}
	}
	after, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if now := virsh(t, "pool-list", "--all", "--uuid"); now != pools || after.Mode() != before.Mode() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("pools %q and %s, before %q and %s", now, after.Mode(), pools, before.Mode())
	}
}

// TestFirmwareOfPool reads the firmware by a pool that is there, and leaves it.
func TestFirmwareOfPool(t *testing.T) {
	virsh(t, "pool-create-as", "qemu", "dir", "--target", "/usr/share/qemu")
	defer virsh(t, "pool-destroy", "qemu")
	content, err := open(t, lab.Shared(t).URI).Firmware(t.Context())
	if err != nil || !bytes.Contains(content, []byte("LOADPARM=[")) {
		t.Errorf("got %d bytes and %v", len(content), err)
	}
}
