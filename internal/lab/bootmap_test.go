package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestBootDisk boots a disk with each generation of the firmware.
func TestBootDisk(t *testing.T) {
	Need(t)
	var image bytes.Buffer
	if err := WriteBootDisk(t.Context(), &image, "console=ttysclp0 netboot.print=from-disk netboot.then=poweroff"); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(disk, image.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := QEMUs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range all {
		t.Run(q.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
			defer cancel()
			args := append(q.command[1:len(q.command):len(q.command)],
				"-machine", "s390-ccw-virtio", "-accel", "tcg", "-m", "512M", "-nodefaults", "-display", "none",
				"-chardev", "stdio,id=console", "-device", "sclpconsole,chardev=console",
				"-drive", "file="+disk+",format=raw,if=none,id=disk", "-device", "virtio-blk-ccw,drive=disk,bootindex=1")
			console, err := exec.CommandContext(ctx, q.command[0], args...).CombinedOutput()
			if err != nil || !bytes.Contains(console, []byte("NETBOOT-INIT: from-disk")) {
				t.Errorf("%v:\n%s", err, console)
			}
		})
	}
}
