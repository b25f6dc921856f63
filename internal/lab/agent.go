package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The packages of QEMU's guest agent and of the libraries that it needs, and a shell with the usual commands.
var agentPackages = []string{"qemu-guest-agent", "busybox-static", "libc6", "libglib2.0-0", "libpcre2-8-0", "libudev1", "libnuma1", "liburing2"}

// The files of these packages that the agent needs, at their places in the guest.
var agentFiles = []string{
	"usr/sbin/qemu-ga", "bin/busybox", "lib/ld64.so.1",
	"lib/s390x-linux-gnu/libc.so.6", "lib/s390x-linux-gnu/libm.so.6", "usr/lib/s390x-linux-gnu/libudev.so.1",
	"usr/lib/s390x-linux-gnu/libglib-2.0.so.0", "usr/lib/s390x-linux-gnu/libgmodule-2.0.so.0", "usr/lib/s390x-linux-gnu/libpcre2-8.so.0",
	"usr/lib/s390x-linux-gnu/libnuma.so.1", "usr/lib/s390x-linux-gnu/liburing.so.2",
}

// The directories of these files, and those that the agent and the shell use, from the top down.
var agentDirectories = []string{
	"bin", "lib", "lib/s390x-linux-gnu", "run", "sbin", "tmp", "usr", "usr/bin", "usr/lib", "usr/lib/s390x-linux-gnu", "usr/sbin",
}

// AgentInitrd returns the path of the initrd of Initrd with QEMU's guest agent and a shell. It is four times as large, so
// only guests with the word netboot.agent boot it.
func AgentInitrd(ctx context.Context) (string, error) {
	plain, err := Initrd(ctx)
	if err != nil {
		return "", err
	}
	programs, err := cachedDir(ctx, "agent-"+hashOf(slices.Concat(agentPackages, agentFiles, agentDirectories)), downloadAgent)
	if err != nil {
		return "", fmt.Errorf("unable to get a guest agent for s390x: %w", err)
	}
	name := plain + "-" + filepath.Base(programs)
	err = exclusively(ctx, func() error {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return addAgent(name, plain, programs)
	})
	if err != nil {
		return "", fmt.Errorf("unable to build an initrd with a guest agent: %w", err)
	}
	return name, nil
}

// downloadAgent unpacks the packages, and keeps the files that the agent needs.
func downloadAgent(ctx context.Context, dir string) error {
	apt, err := newPrivateApt("APT::Architecture=s390x", "APT::Architectures=s390x")
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Downloading Debian packages for s390x: %s", strings.Join(agentPackages, " "))
	unpacked := filepath.Join(apt.dir, "unpacked")
	if err := apt.unpack(ctx, unpacked, agentPackages...); err != nil {
		return err
	}
	for _, name := range agentFiles {
		if err := copyTo(filepath.Join(dir, name), filepath.Join(unpacked, name)); err != nil {
			return err
		}
	}
	return nil
}

// copyTo follows a symbolic link, and creates the directory of the copy.
func copyTo(to, from string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	return errors.Join(writeFile(to, source), source.Close())
}

// addAgent appends an archive with the programs to an initrd. The kernel unpacks both.
func addAgent(name, initrd, programs string) error {
	plain, err := os.ReadFile(initrd)
	if err != nil {
		return err
	}
	var files []cpioFile
	for _, directory := range agentDirectories {
		files = append(files, cpioFile{name: directory, mode: cpioDirectory})
	}
	for _, file := range agentFiles {
		content, err := os.ReadFile(filepath.Join(programs, file))
		if err != nil {
			return err
		}
		files = append(files, cpioFile{name: file, mode: cpioExecutable, content: content})
	}
	return writeInitrd(name, plain, files)
}
