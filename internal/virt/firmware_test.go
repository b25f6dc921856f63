package virt_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

const firmwareDir = "/usr/share/qemu" // in Debian's package

// TestFirmware asks for the firmware several times at once and again, although the host sends it only once.
func TestFirmware(t *testing.T) {
	leavesNothing(t)
	host := open(t, lab.Shared(t).URI)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { wantFirmware(t, host) })
	}
	all.Wait()
	coverFirmware(t)
	wantFirmware(t, host)
}

// TestFirmwareOfPool has an existing pool for the directory, which stays as it is.
func TestFirmwareOfPool(t *testing.T) {
	tests := map[string]struct {
		give func(t *testing.T)
		take string
	}{
		"active": {func(t *testing.T) {
			virsh(t, "pool-create-as", "qemu", "dir", "--target", firmwareDir)
		}, "pool-destroy"},
		"active, with an older list": {func(t *testing.T) {
			uncover := coverFirmware(t)
			virsh(t, "pool-create-as", "qemu", "dir", "--target", firmwareDir)
			uncover()
		}, "pool-destroy"},
		"not active": {func(t *testing.T) {
			virsh(t, "pool-define-as", "qemu", "dir", "--target", firmwareDir)
		}, "pool-undefine"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.give(t)
			t.Cleanup(func() { onLab(t, "virsh", test.take, "qemu") })
			leavesNothing(t)
			wantFirmware(t, open(t, lab.Shared(t).URI))
		})
	}
}

// TestNoFirmware has no firmware, and then a file that cannot be firmware. A firmware that was not found is looked
// for again.
func TestNoFirmware(t *testing.T) {
	leavesNothing(t)
	host := open(t, lab.Shared(t).URI)
	uncover := coverFirmware(t)
	for _, step := range []string{"true", "truncate --size 5M " + firmwareDir + "/s390-ccw.img"} {
		onLab(t, "sh", "-c", step)
		content, err := host.Firmware(t.Context())
		if content != nil || !errors.Is(err, virt.ErrNotFound) || !strings.Contains(err.Error(), "no s390-ccw.img in /usr/share/qemu, /usr/share/qemu-kvm") {
			t.Errorf("after %q: got %d bytes and %v", step, len(content), err)
		}
	}
	uncover()
	wantFirmware(t, host)
}

// TestFirmwareInterrupted loses the connection, or runs out of time, at every possible point.
func TestFirmwareInterrupted(t *testing.T) {
	leavesNothing(t)
	p := newProxy(t, lab.Shared(t).URI)
	failures := 0
	interrupted := func(ctx context.Context, interrupt func()) {
		host := open(t, p.URI)
		if _, err := host.Capabilities(t.Context()); err != nil {
			t.Fatal(err)
		}
		interrupt()
		_, err := host.Firmware(ctx)
		if err != nil {
			failures++
		}
		if errors.Is(err, virt.ErrNotFound) {
			t.Errorf("error %v says more than is known", err)
		}
		if pools := onLab(t, "virsh", "pool-list", "--all", "--name"); strings.Contains(pools, "netboot-look") {
			t.Fatalf("after the error %v there are the pools %q", err, pools)
		}
		p.cut()
	}
	for limit := 0; limit < 6000; limit += 150 {
		interrupted(t.Context(), func() { p.cutAfter(limit) })
	}
	for patience := range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(patience)*time.Millisecond)
		interrupted(ctx, func() {})
		cancel()
	}
	if failures < 20 {
		t.Errorf("only %d of 60 were interrupted", failures)
	}
}

// wantFirmware checks that a host returns the firmware that it has.
func wantFirmware(t *testing.T, host *virt.Host) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(lab.Shared(t).Root, firmwareDir, "s390-ccw.img"))
	if err != nil {
		t.Error(err)
	}
	got, err := host.Firmware(t.Context())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes and %v, want %d", len(got), err, len(want))
	}
}

// leavesNothing checks that the pools and the firmware's directory are the same after the test as before.
func leavesNothing(t *testing.T) {
	t.Helper()
	look := func() string {
		return onLab(t, "virsh", "pool-list", "--all", "--details") + onLab(t, "stat", "--format", "mode %A, changed %y", firmwareDir)
	}
	before := look()
	t.Cleanup(func() {
		if now := look(); now != before {
			t.Errorf("got\n%s, want\n%s", now, before)
		}
	})
}

// coverFirmware puts an empty directory over the lab's firmware directory, until the end of the test or until the
// returned function is called.
func coverFirmware(t *testing.T) (uncover func()) {
	t.Helper()
	onLab(t, "mount", "-t", "tmpfs", "none", firmwareDir)
	uncover = sync.OnceFunc(func() { onLab(t, "umount", firmwareDir) })
	t.Cleanup(uncover)
	return uncover
}

// onLab runs a program on the lab's host, even after the test.
func onLab(t *testing.T, args ...string) string {
	t.Helper()
	text, err := lab.Shared(t).Exec(context.Background(), args...)
	if err != nil {
		t.Error(err)
	}
	return text
}
