package lab

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// GRUB returns the path of Debian's signed image of GRUB for the network boot of x86_64 guests with UEFI, whose prefix is /grub. The first
// call on a machine downloads Debian's package (1.3 MB).
func GRUB(ctx context.Context) (string, error) {
	return fileOf(ctx, "grub", "GRUB", "grub-efi-amd64-signed", "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed")
}

// Shim returns the path of Debian's shim for x86_64 guests, which Microsoft signed. The first call on a machine downloads Debian's package.
func Shim(ctx context.Context) (string, error) {
	return fileOf(ctx, "shim", "the shim", "shim-signed", "usr/lib/shim/shimx64.efi.signed")
}

// fileOf returns the path of a file of a Debian package in a directory of the cache. what is the file for messages.
func fileOf(ctx context.Context, cache, what, debianPackage, file string) (string, error) {
	dir, err := cachedDir(ctx, cache, func(ctx context.Context, dir string) error {
		apt, err := newPrivateApt()
		if err != nil {
			return err
		}
		return apt.copy(ctx, dir, what, []string{debianPackage}, file)
	})
	if err != nil {
		return "", fmt.Errorf("unable to get %s: %w", what, err)
	}
	return filepath.Join(dir, filepath.Base(file)), nil
}

// ArmGRUB is GRUB for aarch64 guests.
func ArmGRUB(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "grub-arm64", downloadArmGRUB)
	if err != nil {
		return "", fmt.Errorf("unable to get GRUB for arm64: %w", err)
	}
	return filepath.Join(dir, "grubnetaa64.efi.signed"), nil
}

func downloadArmGRUB(ctx context.Context, dir string) error {
	apt, err := newPrivateApt("APT::Architecture=arm64", "APT::Architectures=arm64")
	if err != nil {
		return err
	}
	if err := apt.useRelease("bookworm"); err != nil {
		return err
	}
	return apt.copy(ctx, dir, "GRUB for arm64", []string{"grub-efi-arm64-signed"}, "usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed")
}

// RescueGRUB returns a directory with images of GRUB that have only the modules for the network, and whose prefix is a directory that
// does not exist: core.0 for a BIOS, and core.efi. The first call on a machine downloads Debian's packages (6 MB).
func RescueGRUB(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "grub-rescue", makeRescueGRUB)
	if err != nil {
		return "", fmt.Errorf("unable to make images of GRUB: %w", err)
	}
	return dir, nil
}

func makeRescueGRUB(ctx context.Context, dir string) error {
	apt, err := newPrivateApt()
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Downloading GRUB's modules")
	if err := apt.unpack(ctx, apt.dir, "grub-common", "grub-pc-bin", "grub-efi-amd64-bin"); err != nil {
		return err
	}
	for _, image := range []struct {
		name, platform, format string
		modules                []string
	}{
		{"core.0", "i386-pc", "i386-pc-pxe", []string{"pxe", "tftp"}},
		{"core.efi", "x86_64-efi", "x86_64-efi", []string{"efinet", "tftp"}},
	} {
		args := append([]string{"-d", filepath.Join(apt.dir, "usr/lib/grub", image.platform), "-O", image.format, "-p", "/nosuch",
			"-o", filepath.Join(dir, image.name)}, image.modules...)
		if _, err := output(exec.CommandContext(ctx, filepath.Join(apt.dir, "usr/bin/grub-mkimage"), args...)); err != nil {
			return err
		}
	}
	return nil
}
