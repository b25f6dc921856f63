package virt

import (
	"os/exec"
	"syscall"
)

// apart keeps a console's Ctrl-C from a program: whoever is interrupted still has to clean up by it.
func apart(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
