package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Generation is the release of Debian that the programs of a libvirt host of the lab come from.
type Generation string

const (
	Bookworm Generation = "bookworm" // the machine's own programs: libvirt 9.0, QEMU 7.2, firmware in two files
	Trixie   Generation = "trixie"   // libvirt 11.3, QEMU 10.0, firmware in one file
)

// ThisGeneration returns the generation of this process's hosts: the value of $NETBOOT_LAB, by default the machine's own.
func ThisGeneration() (Generation, error) {
	switch g := Generation(os.Getenv("NETBOOT_LAB")); g {
	case "", Bookworm:
		return Bookworm, nil
	case Trixie:
		return Trixie, nil
	default:
		return "", fmt.Errorf("NETBOOT_LAB is %q; set it to %q or %q", g, Bookworm, Trixie)
	}
}

// The packages in a root, without their dependencies. Their maintainer scripts run, because they create the
// users that guests run as.
var rootPackages = []string{
	"libvirt-daemon-system", "libvirt-daemon-driver-network", "libvirt-daemon-driver-nwfilter",
	"libvirt-daemon-driver-storage", "libvirt-daemon-driver-storage-disk", "libvirt-daemon-log", "libvirt-clients", "qemu-utils",
	"qemu-system-s390x", "qemu-system-x86", "qemu-system-arm", "qemu-system-ppc", "qemu-system-modules-spice", "ovmf", "qemu-efi-aarch64",
	"dnsmasq-base", "iproute2", "iptables", "nftables", "e2fsprogs", "procps",
	"openssh-server", "netcat-openbsd", // for connections to libvirt by ssh
}

// Root returns the directory with the programs of the generation's hosts, which is "/" for the machine's own.
// The first call on a machine creates it, which takes a minute. It then stays in the cache (300 MB).
func (g Generation) Root(ctx context.Context) (string, error) {
	if g == Bookworm {
		return "/", nil
	}
	root, err := cachedDir(ctx, "root-"+string(g)+"-"+hashOf(rootPackages), g.makeRoot)
	if err != nil {
		return "", fmt.Errorf("unable to make a root of Debian %s: %w", g, err)
	}
	return root, nil
}

func (g Generation) makeRoot(ctx context.Context, dir string) error {
	announce("Installing libvirt and QEMU of Debian %s into a separate directory", g)
	_, err := output(exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--mode=root", "--variant=essential",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--include="+strings.Join(rootPackages, ","),
		string(g), dir, "http://deb.debian.org/debian"))
	return err
}

// libvirtCache returns the directory in which libvirt caches what it knows about QEMU, which depends on the
// release.
func (g Generation) libvirtCache() (string, error) {
	if g == Bookworm {
		return CacheDir("libvirt")
	}
	return CacheDir("libvirt-" + string(g))
}

// sharedDirs returns the directories that a host with its own root shares with the machine, at the same paths:
// the host's own directory is in the first, kernels and other QEMUs are in the second.
func sharedDirs() ([]string, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	temp, err := filepath.Abs(os.TempDir())
	return []string{"/tmp", cache, temp}, err
}
