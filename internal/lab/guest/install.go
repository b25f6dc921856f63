//go:build linux

package main

import (
	"io"
	"os"
)

// diskImage is the image that an installation writes. A test that needs one adds it to the initrd.
const diskImage = "/install/disk.img"

// install writes the image of a disk that came with the initrd to a disk of the machine.
func install(disk string) {
	if err := copyFile(disk, diskImage); err != nil {
		say("unable to install: %v", err)
		return
	}
	say("installed=%s", disk)
}

// copyFile writes to an existing file and returns when the content is on the disk.
func copyFile(to, from string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		return err
	}
	if err := target.Sync(); err != nil {
		return err
	}
	return target.Close()
}
