//go:build linux

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// The virtio port by which the host reaches the agent. udev makes this name on other systems.
const (
	agentPort = "org.qemu.guest_agent.0"
	portNames = "/dev/virtio-ports"
)

// shutdown is the program with which the agent shuts the machine down, when the host asks it to. It asks init.
const shutdown = "#!/bin/sh\nkill -s INT 1\n"

// runAgent starts QEMU's guest agent after a delay, and says when it ends. As init, it also reaps the processes that
// lost their parent.
func runAgent(delay time.Duration) {
	time.Sleep(delay)
	if err := namePort(agentPort); err != nil {
		say("unable to name the agent's port: %v", err)
		return
	}
	if err := run("/bin/busybox", "--install", "-s"); err != nil {
		say("unable to install the shell: %v", err)
		return
	}
	if err := os.WriteFile("/sbin/shutdown", []byte(shutdown), 0o755); err != nil {
		say("unable to write the agent's command for a shutdown: %v", err)
	}
	agent, err := start("/usr/sbin/qemu-ga", "-m", "virtio-serial", "-p", portNames+"/"+agentPort, "-t", "/run", "-f", "/run/qemu-ga.pid")
	if err != nil {
		say("unable to start the guest agent: %v", err)
		return
	}
	say("agent=started")
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil || ended == agent {
			say("the guest agent has ended: status %d, %v", status, err)
			return
		}
	}
}

// namePort waits until the machine has a virtio port of this name, and makes the name below /dev.
func namePort(wanted string) error {
	if err := os.MkdirAll(portNames, 0o755); err != nil {
		return err
	}
	for {
		for _, name := range devices("/sys/class/virtio-ports/*/name") {
			if text(name) == wanted {
				return os.Symlink("/dev/"+filepath.Base(filepath.Dir(name)), portNames+"/"+wanted)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// run starts a program and waits for its end.
func run(program string, args ...string) error {
	pid, err := start(program, args...)
	if err == nil {
		_, err = syscall.Wait4(pid, nil, 0, nil)
	}
	return err
}

// start starts a program whose output is on the console. Its input is empty.
func start(program string, args ...string) (pid int, err error) {
	null, err := os.Open("/dev/null")
	if err != nil {
		return 0, err
	}
	defer func() { _ = null.Close() }()
	return syscall.ForkExec(program, append([]string{program}, args...), &syscall.ProcAttr{
		Env:   []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"},
		Files: []uintptr{null.Fd(), os.Stdout.Fd(), os.Stderr.Fd()},
	})
}
