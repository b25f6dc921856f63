//go:build unix

package virt

import (
	"os/exec"
	"syscall"
)

// setProcessGroup keeps a terminal's Ctrl-C from a program: whoever is interrupted still has to clean up by it.
func setProcessGroup(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
