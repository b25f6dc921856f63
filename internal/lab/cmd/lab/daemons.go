package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// daemon is a daemon of this machine. If this program has started it, the cache directory has its process ID
// file, which is empty if systemd has started it.
type daemon struct{ name, socket string }

var daemons = []daemon{
	{"virtlogd", "/run/libvirt/virtlogd-sock"},
	{"libvirtd", "/run/libvirt/libvirt-sock"},
}

func up(ctx context.Context) error {
	if _, err := prepare(ctx); err != nil {
		return err
	}
	for _, d := range daemons {
		if d.answers() {
			continue
		}
		if err := d.start(ctx); err != nil {
			return fmt.Errorf("unable to start %s: %w", d.name, err)
		}
	}
	return nil
}

func down(ctx context.Context) error {
	for _, d := range slices.Backward(daemons) {
		if err := d.stop(ctx); err != nil {
			return fmt.Errorf("unable to stop %s: %w", d.name, err)
		}
	}
	return nil
}

func (d daemon) answers() bool {
	connection, err := net.Dial("unix", d.socket)
	if err != nil {
		return false
	}
	return connection.Close() == nil
}

func (d daemon) pidFile() (string, error) {
	dir, err := lab.CacheDir("daemons")
	return filepath.Join(dir, d.name+".pid"), err
}

func (d daemon) start(ctx context.Context) error {
	pidFile, err := d.pidFile()
	if err != nil {
		return err
	}
	if hasSystemd() {
		if err := os.WriteFile(pidFile, nil, 0o644); err != nil {
			return err
		}
		return say(exec.CommandContext(ctx, "systemctl", "start", d.name))
	}
	return say(exec.CommandContext(ctx, d.name, "--daemon", "--pid-file", pidFile))
}

// stop stops a daemon only if this program has started it.
func (d daemon) stop(ctx context.Context) error {
	pidFile, err := d.pidFile()
	if err != nil {
		return err
	}
	content, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if pid := strings.TrimSpace(string(content)); pid != "" {
		err = d.terminate(ctx, pid)
	} else {
		err = say(exec.CommandContext(ctx, "systemctl", "stop", d.name))
	}
	if err != nil {
		return err
	}
	return os.RemoveAll(pidFile) // the daemon removes it as well when it ends cleanly
}

func (d daemon) terminate(ctx context.Context, pid string) error {
	id, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	if !d.answers() {
		return nil // it ended by itself, and another process may have the ID now
	}
	fmt.Println("Stopping", d.name)
	if err := syscall.Kill(id, syscall.SIGTERM); err != nil {
		return err
	}
	for d.answers() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func hasSystemd() bool { return exists("/run/systemd/system") }

// say prints and runs a command that changes the machine.
func say(cmd *exec.Cmd) error {
	fmt.Println("Running", strings.Join(cmd.Args, " "))
	cmd.Stderr = os.Stderr
	return cmd.Run()
}
