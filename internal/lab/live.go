package lab

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

//go:embed live.sh
var liveScript string

// LiveSystem is Debian 12 for guests that load their root file system over the network, by live-boot or by a script of the
// user. The root file system also has what installs it on a disk.
type LiveSystem struct{ Kernel, Initrd, Squashfs string }

// liveArch is an architecture of a LiveSystem.
type liveArch struct {
	emulator string   // the name that QEMU has for it, if the machine cannot run its programs
	packages []string // its kernel and its boot loader
}

var liveArchs = map[string]liveArch{
	"amd64": {packages: []string{"linux-image-cloud-amd64"}},
	"arm64": {"aarch64", []string{"linux-image-cloud-arm64", "grub-efi-arm64-bin", "grub2-common", "dosfstools"}},
	"s390x": {"s390x", []string{"linux-image-s390x", "s390-tools"}},
}

// livePackages are in the system of every architecture.
var livePackages = []string{"systemd-sysv", "udev", "kmod", "e2fsprogs", "fdisk", "busybox", "initramfs-tools", "live-boot", "live-boot-initramfs-tools"}

// Live returns a LiveSystem. arch is Debian's name: amd64, arm64 or s390x. The first call on a machine makes the system, and so does the
// first call after a change of the script or the packages. This takes some minutes if the programs that configure packages are
// emulated.
func Live(ctx context.Context, arch string) (LiveSystem, error) {
	if err := InstallPackages(ctx); err != nil {
		return LiveSystem{}, err
	}
	packages := slices.Concat(livePackages, liveArchs[arch].packages)
	dir, err := cachedDir(ctx, "live-"+arch+"-"+hashOf(append(packages, liveScript)), func(ctx context.Context, dir string) error {
		return makeLive(ctx, dir, arch, packages)
	})
	if err != nil {
		return LiveSystem{}, fmt.Errorf("unable to make a live system for %s: %w", arch, err)
	}
	return LiveSystem{Kernel: filepath.Join(dir, "vmlinuz"), Initrd: filepath.Join(dir, "initrd"), Squashfs: filepath.Join(dir, "root.squashfs")}, nil
}

func makeLive(ctx context.Context, dir, arch string, packages []string) error {
	apt, err := newPrivateApt()
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Installing Debian 12 for %s into a root file system", arch)
	var binfmt string
	if emulator := liveArchs[arch].emulator; emulator != "" {
		if binfmt, err = unpackEmulator(ctx, apt, emulator); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", liveScript, "live.sh", dir, arch, binfmt, strings.Join(packages, ","))
	everyone := []syscall.SysProcIDMap{{Size: 1 << 16}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: everyone, GidMappings: everyone}
	_, err = output(cmd)
	return err
}

// unpackEmulator unpacks QEMU for programs of an architecture, and returns the line that registers it in binfmt_misc.
func unpackEmulator(ctx context.Context, apt *privateApt, emulator string) (string, error) {
	if err := apt.unpack(ctx, apt.dir, "qemu-user-static"); err != nil {
		return "", err
	}
	line, err := os.ReadFile(filepath.Join(apt.dir, "usr/lib/binfmt.d/qemu-"+emulator+".conf"))
	return strings.TrimSpace(strings.Replace(string(line), ":/usr/", ":"+apt.dir+"/usr/", 1)), err
}
