package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Every program that the lab runs, and the firmware of its guests, with its Debian package.
var programs = []struct{ name, debianPackage string }{
	{"libvirtd", "libvirt-daemon-system"},
	{"virtlogd", "libvirt-daemon-system"},
	{"virsh", "libvirt-clients"},
	{"qemu-system-s390x", "qemu-system-misc"},
	{"qemu-system-x86_64", "qemu-system-x86"}, // without it, libvirt 9.0 finds no QEMU for a PC
	{"qemu-system-aarch64", "qemu-system-arm"},
	{"/usr/share/OVMF/OVMF_CODE_4M.fd", "ovmf"},
	{"/usr/share/AAVMF/AAVMF_CODE.fd", "qemu-efi-aarch64"},
	{"qemu-system-ppc64", "qemu-system-ppc"},
	{"qemu-img", "qemu-utils"},
	{"dnsmasq", "dnsmasq-base"},
	{"sfdisk", "fdisk"},
	{"ip", "iproute2"},
	{"iptables", "iptables"},
	{"nsenter", "util-linux"},
	{"xorriso", "xorriso"},
	{"mmdebstrap", "mmdebstrap"},
	{"mksquashfs", "squashfs-tools"},
	{"ssh", "openssh-client"},
	{"nc", "netcat-openbsd"},
}

// InstallPackages installs the Debian packages of the programs that are missing. It does nothing if all
// programs exist. Its error says what to install manually.
func InstallPackages(ctx context.Context) error {
	if len(missingPackages()) == 0 {
		return nil
	}
	return exclusively(ctx, func() error {
		missing := missingPackages() // another process may just have installed them
		if len(missing) == 0 {
			return nil
		}
		if err := install(ctx, missing); err != nil {
			return fmt.Errorf("unable to install what the lab needs: %w; as root, run: apt-get install %s",
				err, strings.Join(missing, " "))
		}
		return nil
	})
}

func missingPackages() []string {
	var missing []string
	for _, program := range programs {
		_, err := exec.LookPath(program.name)
		if filepath.IsAbs(program.name) {
			_, err = os.Stat(program.name)
		}
		if err != nil {
			missing = append(missing, program.debianPackage)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func install(ctx context.Context, packages []string) error {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return errors.New("this machine has no apt-get")
	}
	if os.Geteuid() != 0 {
		return errors.New("this needs root")
	}
	announce("Installing Debian packages: %s", strings.Join(packages, " "))
	if _, err := output(exec.CommandContext(ctx, "apt-get", "-q", "update")); err != nil {
		return err
	}
	args := append([]string{"-q", "-y", "--no-install-recommends", "install"}, packages...)
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	_, err := output(cmd)
	return err
}
