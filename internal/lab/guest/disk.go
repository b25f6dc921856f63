//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
)

// nameDisks gives each disk with a serial number the name that udev gives it, by which Ignition finds
// its configuration.
func nameDisks() {
	const names = "/dev/disk/by-id"
	if err := os.MkdirAll(names, 0o755); err != nil {
		say("unable to name the disks: %v", err)
		return
	}
	for _, disk := range devices("/sys/block/vd*") {
		serial := text(disk + "/serial")
		if serial == "" {
			continue
		}
		if err := os.Symlink("/dev/"+filepath.Base(disk), names+"/virtio-"+serial); err != nil {
			say("unable to name a disk: %v", err)
		}
	}
}

// mountLabel mounts the disk with the label, read-only, as cloud-init does.
func mountLabel(label string) {
	for _, disk := range devices("/sys/block/vd*") {
		device := "/dev/" + filepath.Base(disk)
		if volumeID(device) != label {
			continue
		}
		err := os.Mkdir("/"+label, 0o755)
		if err == nil {
			err = syscall.Mount(device, "/"+label, "iso9660", syscall.MS_RDONLY, "")
		}
		if err != nil {
			say("unable to mount %s: %v", device, err)
			return
		}
		names := devices("/" + label + "/*")
		say("mounted=%s files=%q", label, names)
		return
	}
	say("no disk has the label %s", label)
}

// volumeID is the label of an ISO 9660 file system: ECMA-119 8.4, the primary volume descriptor, is in
// sector 16 of 2048 bytes, and begins with its type, "CD001" and its version. Other disks have none.
func volumeID(device string) string {
	disk, err := os.Open(device)
	if err != nil {
		say("unable to read %s: %v", device, err)
		return ""
	}
	defer func() { _ = disk.Close() }()
	descriptor := make([]byte, 72)
	if _, err := disk.ReadAt(descriptor, 16*2048); err != nil || !bytes.HasPrefix(descriptor, []byte("\x01CD001\x01")) {
		return ""
	}
	return string(bytes.TrimRight(descriptor[40:], " "))
}
