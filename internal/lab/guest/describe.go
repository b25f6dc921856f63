//go:build linux

package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// describe reports the machine: its unchanged command line, memory, processors, disks and network interfaces.
func describe(commands string) {
	say("cmdline=[%s]", commands)
	say("mem=%dkB cpus=%d loadparm=[%s]", memory(), runtime.NumCPU(), text("/sys/firmware/ipl/loadparm"))
	for _, disk := range devices("/sys/block/vd*") {
		say("disk=%s bytes=%d serial=%s readonly=%s", filepath.Base(disk), diskBytes(disk), text(disk+"/serial"), text(disk+"/ro"))
	}
	for _, nic := range networkInterfaces() {
		say("nic=%s mac=%s", nic, text("/sys/class/net/"+nic+"/address"))
	}
}

// memory returns the memory that the kernel has, in kB: a little less than the machine's memory.
func memory() int {
	for line := range strings.Lines(text("/proc/meminfo")) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kilobytes, _ := strconv.Atoi(strings.Fields(value)[0])
			return kilobytes
		}
	}
	return 0
}

// diskBytes returns the size of a disk. The kernel counts in sectors of 512 bytes, whatever the disk's sector size is.
func diskBytes(disk string) int {
	sectors, _ := strconv.Atoi(text(disk + "/size"))
	return sectors * 512
}

func networkInterfaces() []string {
	var names []string
	for _, path := range devices("/sys/class/net/*") {
		if name := filepath.Base(path); name != "lo" {
			names = append(names, name)
		}
	}
	return names
}

func devices(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		say("unable to list %s: %v", pattern, err)
	}
	return paths
}

// text returns a small file's content, without the spaces around it, or "" if the file does not exist.
func text(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}

func loadModule(path string) error {
	image, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parameters := []byte{0}
	_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE,
		uintptr(unsafe.Pointer(&image[0])), uintptr(len(image)), uintptr(unsafe.Pointer(&parameters[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
