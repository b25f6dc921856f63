//go:build linux

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"time"
)

// The part of a disk that is written: its first MiB, because the disk may grow.
const (
	sector  = 512
	sectors = 2048
)

// write writes a counter to the disk with that serial number, to one sector after the other and then from the first again,
// and reports its progress. Each number is on the disk before the next number is written.
func write(serial string) {
	for {
		disk := diskOf(serial)
		if disk == "" {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err := writeTo("/dev/" + filepath.Base(disk)); err != nil {
			say("unable to write to %s: %v", disk, err)
			time.Sleep(time.Second)
		}
	}
}

func diskOf(serial string) string {
	for _, disk := range devices("/sys/block/vd*") {
		if text(disk+"/serial") == serial {
			return disk
		}
	}
	return ""
}

// writeTo continues after the highest number that is on the disk.
func writeTo(device string) error {
	disk, err := os.OpenFile(device, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = disk.Close() }()
	content := make([]byte, sectors*sector)
	if _, err := disk.ReadAt(content, 0); err != nil {
		return err
	}
	written := uint64(0)
	for at := 0; at < len(content); at += sector {
		written = max(written, binary.BigEndian.Uint64(content[at+8:]))
	}
	for said := time.Now(); ; {
		block := make([]byte, sector)
		copy(block, "netboot\x00")
		binary.BigEndian.PutUint64(block[8:], written+1)
		if _, err := disk.WriteAt(block, int64(written)%sectors*sector); err != nil {
			return err
		}
		written++
		if time.Since(said) > 500*time.Millisecond {
			say("written=%d.", written) // with a full stop, because a reader may see only a part of a line
			said = time.Now()
		}
	}
}
