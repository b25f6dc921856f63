//go:build linux

// The command guest is the init of the lab's guests: it reports on the console on what kind of machine it runs, follows the
// words on the kernel command line, and then runs until it is asked to shut down.
//
// Every line that it writes begins with "NETBOOT-INIT: ". The first is "up". "ready" comes after all words
// except netboot.then. The words:
//
//	netboot.print=TEXT       writes the text
//	netboot.mount=LABEL      mounts the ISO 9660 file system of that label as /LABEL
//	netboot.file=PATH        reports the file at that path: mode, owner, content
//	netboot.dhcp             requests an address on the first network interface
//	netboot.wait=SECONDS     waits before it follows the next words
//	netboot.agent            starts QEMU's guest agent, which only the initrd of lab.AgentInitrd has;
//	                         netboot.agent=SECONDS starts it after this time
//	netboot.listen=PORT      accepts TCP connections on that port; netboot.listen=PORT:SECONDS begins after this time
//	netboot.count=HOST:PORT  keeps a TCP connection to that address and counts on it
//	netboot.tick             writes a line every second from then on
//	netboot.look             enables new processors, and writes every second from then on what the machine has
//	netboot.write=SERIAL     writes a counter to the disk with that serial number, and reports its progress
//	netboot.install=DISK     writes the image in the initrd's /install/disk.img to the disk
//	netboot.then=WHAT        ends with poweroff, reboot, plain-reboot, halt or panic instead of waiting;
//	                         a plain reboot is the normal reboot of Linux, which looks like a crash under TCG
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	commands := mountAll()
	say("up")
	loadModules()
	nameDisks()
	describe(commands)

	then := "wait"
	for _, word := range strings.Fields(commands) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "netboot.print":
			say("%s", value)
		case "netboot.mount":
			mountLabel(value)
		case "netboot.file":
			describeFile(value)
		case "netboot.dhcp":
			configureNetwork()
		case "netboot.wait":
			time.Sleep(seconds(value))
		case "netboot.agent":
			go runAgent(seconds(value))
		case "netboot.listen":
			port, delay, _ := strings.Cut(value, ":")
			go listen(port, seconds(delay))
		case "netboot.count":
			go count(value)
		case "netboot.tick":
			go tick()
		case "netboot.look":
			go look()
		case "netboot.write":
			go write(value)
		case "netboot.install":
			install(value)
		case "netboot.then":
			then = value
		}
	}
	say("ready")
	finish(then)
}

// tick writes lines for readers that open the console late.
func tick() {
	for n := 1; ; n++ {
		time.Sleep(time.Second)
		say("tick=%d", n)
	}
}

// seconds reads a word's number of seconds. No number is no time.
func seconds(value string) time.Duration {
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		say("unable to read %q as a number of seconds: %v", value, err)
	}
	return time.Duration(n) * time.Second
}

// say writes one line in one piece, so that the kernel's own messages do not split it.
func say(format string, values ...any) {
	fmt.Printf("NETBOOT-INIT: "+format+"\n", values...)
}

// mountAll mounts the kernel's file systems and returns its command line.
func mountAll() string {
	for _, kind := range []string{"proc", "sysfs", "devtmpfs"} {
		target := map[string]string{"proc": "/proc", "sysfs": "/sys", "devtmpfs": "/dev"}[kind]
		if err := syscall.Mount(kind, target, kind, 0, ""); err != nil {
			say("unable to mount %s: %v", target, err)
		}
	}
	return text("/proc/cmdline")
}

// loadModules loads the drivers in the initrd, in the order that the initrd lists.
func loadModules() {
	for _, name := range strings.Fields(text("/modules/order")) {
		if err := loadModule("/modules/" + name); err != nil {
			say("unable to load %s: %v", name, err)
		}
	}
}

// finish never returns, because a kernel panics if its init ends.
func finish(how string) {
	switch how {
	case "poweroff":
		end(syscall.LINUX_REBOOT_CMD_POWER_OFF)
	case "reboot":
		clearMemoryOnReboot()
		end(syscall.LINUX_REBOOT_CMD_RESTART)
	case "plain-reboot":
		end(syscall.LINUX_REBOOT_CMD_RESTART)
	case "halt":
		end(syscall.LINUX_REBOOT_CMD_HALT)
	case "panic":
		os.Exit(1)
	case "wait":
	default:
		say("unable to %q: netboot.then takes poweroff, reboot, plain-reboot, halt, panic or wait", how)
	}
	waitForShutdown()
}

// clearMemoryOnReboot chooses the way to load again that QEMU supports without KVM. The kernel has two ways.
// With the other, the default, the kernel finds that it is still running and stops for good.
func clearMemoryOnReboot() {
	if err := os.WriteFile("/sys/firmware/reipl/ccw/clear", []byte("1"), 0); err != nil {
		say("unable to reboot under TCG: %v", err)
	}
}

// waitForShutdown waits for the machine's request to shut down. The kernel handles s390x's "signal quiesce"
// like Ctrl-Alt-Del on a PC: it reboots, unless init asks for a SIGINT instead.
func waitForShutdown() {
	requests := make(chan os.Signal, 1)
	signal.Notify(requests, os.Interrupt)
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF); err != nil {
		say("unable to take over Ctrl-Alt-Del: %v", err)
	}
	<-requests
	say("asked to shut down")
	end(syscall.LINUX_REBOOT_CMD_POWER_OFF)
}

func end(command int) {
	syscall.Sync()
	if err := syscall.Reboot(command); err != nil {
		say("unable to end: %v", err)
	}
	select {} // halt returns
}
