//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// look reports every second what the machine has now, and enables new processors.
func look() {
	for {
		enableProcessors()
		say("sees cpus=%s mem=%d disks=[%s] nics=[%s]",
			text("/sys/devices/system/cpu/online"), memory(), disksNow(), nicsNow())
		time.Sleep(time.Second)
	}
}

// enableProcessors does what "chcpu --enable" does.
func enableProcessors() {
	for _, online := range devices("/sys/devices/system/cpu/cpu*/online") {
		if text(online) != "0" {
			continue
		}
		if err := os.WriteFile(online, []byte("1"), 0); err != nil {
			say("unable to take %s into use: %v", online, err)
		}
	}
}

func disksNow() string {
	var disks []string
	for _, disk := range devices("/sys/block/vd*") {
		disks = append(disks, fmt.Sprintf("%s:%d:%s", serialOf(disk), diskBytes(disk), text(disk+"/ro")))
	}
	return strings.Join(disks, " ")
}

// serials are those of the disks that were there, by the numbers of their inodes in /sys.
var serials = map[uint64]string{}

// serialOf reads a serial only once. To read it is a request to the disk: if the disk is unplugged meanwhile, neither the request nor
// the removal of the disk ever ends.
func serialOf(disk string) string {
	var info syscall.Stat_t
	if err := syscall.Stat(disk, &info); err != nil {
		return err.Error()
	}
	if serial, known := serials[info.Ino]; known {
		return serial
	}
	serial, err := os.ReadFile(disk + "/serial")
	if err != nil {
		return err.Error()
	}
	serials[info.Ino] = strings.TrimSpace(string(serial))
	return serials[info.Ino]
}

func nicsNow() string {
	var nics []string
	for _, nic := range networkInterfaces() {
		path := filepath.Join("/sys/class/net", nic)
		nics = append(nics, fmt.Sprintf("%s:%s", text(path+"/address"), text(path+"/mtu")))
	}
	return strings.Join(nics, " ")
}
