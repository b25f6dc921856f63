package lab

import (
	"context"
	"debug/elf"
	"fmt"
	"path/filepath"
	"strings"
)

// Releases of Debian whose QEMU has another generation of the firmware than the machine's own QEMU.
var qemuReleases = []string{"trixie", "forky"}

// QEMU is a QEMU for s390x guests, with its own firmware.
type QEMU struct {
	Name     string // "installed", or the release of Debian that it is from
	Firmware string // path of its s390-ccw.img

	command []string
}

// QEMUs returns the QEMU of this generation's hosts and the QEMUs of later releases of Debian, which the first call on a
// machine downloads (30 MB each). They stay in the cache until their directories qemu-* are removed.
func QEMUs(ctx context.Context) ([]QEMU, error) {
	if err := InstallPackages(ctx); err != nil {
		return nil, err
	}
	generation, err := ThisGeneration()
	if err != nil {
		return nil, err
	}
	root, err := generation.Root(ctx)
	if err != nil {
		return nil, err
	}
	all := []QEMU{{"installed", firmwareIn(root), []string{"qemu-system-s390x"}}}
	for _, release := range qemuReleases {
		q, err := releasedQEMU(ctx, release)
		if err != nil {
			return nil, fmt.Errorf("unable to get QEMU from Debian %s: %w", release, err)
		}
		all = append(all, q)
	}
	return all, nil
}

func firmwareIn(root string) string { return filepath.Join(root, "usr/share/qemu/s390-ccw.img") }

// releasedQEMU returns a QEMU that runs with the libraries and the loader of its own release, because it needs
// newer ones than the machine has.
func releasedQEMU(ctx context.Context, release string) (QEMU, error) {
	root, err := cachedDir(ctx, "qemu-"+release, func(ctx context.Context, dir string) error {
		return downloadQEMU(ctx, release, dir)
	})
	if err != nil {
		return QEMU{}, err
	}
	program := filepath.Join(root, "usr/bin/qemu-system-s390x")
	loader, err := loaderOf(program)
	if err != nil {
		return QEMU{}, err
	}
	libraries, err := filepath.Glob(filepath.Join(root, "usr/lib/*-linux-gnu*"))
	if err != nil {
		return QEMU{}, err
	}
	for _, dir := range libraries {
		libraries = append(libraries, filepath.Join(dir, "systemd")) // which has libsystemd-shared
	}
	firmware := firmwareIn(root)
	return QEMU{release, firmware, []string{
		filepath.Join(root, "usr", loader), "--library-path", strings.Join(libraries, ":"),
		program, "-L", filepath.Dir(firmware),
	}}, nil
}

// loaderOf returns the path of the dynamic loader that a program requests.
func loaderOf(program string) (string, error) {
	file, err := elf.Open(program)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	section := file.Section(".interp")
	if section == nil {
		return "", fmt.Errorf("%s names no dynamic loader", program)
	}
	path, err := section.Data()
	return strings.TrimRight(string(path), "\x00"), err
}

// downloadQEMU unpacks QEMU and its dependencies into the directory.
func downloadQEMU(ctx context.Context, release, dir string) error {
	apt, err := newPrivateApt("APT::Install-Recommends=0")
	if err != nil {
		return err
	}
	defer apt.remove()
	if err := apt.useRelease(release); err != nil {
		return err
	}
	announce("Downloading QEMU of Debian %s", release)
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	if _, err := apt.run(ctx, "apt-get", "-y", "--download-only", "install", "qemu-system-s390x", "qemu-system-data"); err != nil {
		return err
	}
	return apt.extract(ctx, "cache/archives/*.deb", dir)
}
