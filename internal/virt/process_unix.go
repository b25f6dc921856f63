//go:build unix

package virt

import (
	"os/exec"
	"syscall"
)

// setProcessGroup keeps a terminal's Ctrl-C from a program, because an interrupted run still needs the program to
// clean up.
func setProcessGroup(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
