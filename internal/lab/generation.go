package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Generation is the release of Debian that a libvirt host of the lab has its programs from.
type Generation string

const (
	Bookworm Generation = "bookworm" // the machine's own programs: libvirt 9.0, QEMU 7.2, firmware in two files
	Trixie   Generation = "trixie"   // libvirt 11.3, QEMU 10.0, firmware in one file
)

// ThisGeneration is that of the hosts of this process: what $NETBOOT_LAB says, by default the machine's own.
func ThisGeneration() (Generation, error) {
	switch g := Generation(os.Getenv("NETBOOT_LAB")); g {
	case "", Bookworm:
		return Bookworm, nil
	case Trixie:
		return Trixie, nil
	default:
		return "", fmt.Errorf("NETBOOT_LAB is %q; it may be %q or %q", g, Bookworm, Trixie)
	}
}

// What a root has, beside all that this depends on. The packages' own set-up runs, for it makes the
// users that guests run as.
var rootPackages = []string{
	"libvirt-daemon-system", "libvirt-daemon-driver-network", "libvirt-daemon-driver-nwfilter",
	"libvirt-daemon-driver-storage", "libvirt-daemon-driver-storage-disk", "libvirt-daemon-log", "libvirt-clients", "qemu-utils",
	"qemu-system-s390x", "qemu-system-x86", "qemu-system-modules-spice",
	"dnsmasq-base", "iproute2", "iptables", "nftables", "e2fsprogs", "procps",
	"openssh-server", "netcat-openbsd", // how libvirt is reached by ssh
}

// Root is the directory that hosts of the generation have their programs in; the machine's own is "/".
// The first call on a machine makes it, in a minute; it then stays in the cache (300 MB).
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
	announce("Installing libvirt and QEMU of Debian %s into a directory of their own", g)
	_, err := output(exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--mode=root", "--variant=essential",
		"--dpkgopt=path-exclude=/usr/share/doc/*",
		"--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		"--include="+strings.Join(rootPackages, ","),
		string(g), dir, "http://deb.debian.org/debian"))
	return err
}

// libvirtCache is where libvirt remembers what it found out about QEMU, which differs by its release.
func (g Generation) libvirtCache() (string, error) {
	if g == Bookworm {
		return CacheDir("libvirt")
	}
	return CacheDir("libvirt-" + string(g))
}

// sharedDirs are the directories that a host with a root of its own has in common with the machine, at the
// same paths: the host's own directory is in the first, kernels and other QEMUs are in the second.
func sharedDirs() ([]string, error) {
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	temp, err := filepath.Abs(os.TempDir())
	return []string{"/tmp", cache, temp}, err
}
