package lab

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// mirroredPackages are what Debian's installer installs on a PC without recommended packages and tasks, for each firmware: the boot
// loaders of the two cannot be installed together.
var mirroredPackages = [][]string{
	{
		"?priority(required)", "?priority(important)", "linux-image-cloud-amd64", "initramfs-tools", "zstd", "busybox",
		"locales", "console-setup", "keyboard-configuration", "os-prober", "grub-pc",
	},
	{"grub-efi-amd64", "shim-signed", "dosfstools"},
}

const (
	archive       = "https://deb.debian.org/debian"
	mirrorRelease = "trixie"
	udebIndex     = "main/debian-installer/binary-amd64/Packages.gz"
	debIndex      = "main/binary-amd64/Packages.gz"
)

// DebianMirror returns a directory with what Debian's installer of InstallerFiles downloads for a small PC: a web server can offer it
// as a mirror of Debian. It is not signed. The first call on a machine downloads 120 MB.
func DebianMirror(ctx context.Context) (string, error) {
	files, err := InstallerFiles(ctx)
	if err != nil {
		return "", err
	}
	kernel, err := kernelVersion(filepath.Join(files, "linux"))
	if err != nil {
		return "", err
	}
	parts := slices.Concat(mirroredUdebs, mirroredModules, slices.Concat(mirroredPackages...), []string{kernel})
	return cachedDir(ctx, "debian-mirror-"+hashOf(parts), func(ctx context.Context, dir string) error {
		announce("Downloading the packages that Debian's installer installs")
		if err := fillMirror(ctx, dir, kernel); err != nil {
			return fmt.Errorf("unable to make a mirror of Debian: %w", err)
		}
		return nil
	})
}

// InstallerFiles returns a directory with the files of Debian 13's installer for PCs, as Debian's archive has them in
// installer-amd64/current/images/netboot/debian-installer/amd64.
func InstallerFiles(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "debian-installer-13", func(ctx context.Context, dir string) error {
		apt, err := newPrivateApt("APT::Architecture=amd64")
		if err != nil {
			return err
		}
		defer apt.remove()
		announce("Downloading Debian 13's installer")
		if err := apt.useRelease(mirrorRelease); err != nil {
			return err
		}
		return apt.unpack(ctx, dir, "debian-installer-13-netboot-amd64")
	})
	if err != nil {
		return "", fmt.Errorf("unable to get Debian 13's installer: %w", err)
	}
	return filepath.Join(dir, "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64"), nil
}

// kernelVersion reads the version of a kernel, such as 6.12.94+deb13-amd64.
//
// Linux Documentation/arch/x86/boot.rst: kernel_version.
func kernelVersion(kernel string) (string, error) {
	start := make([]byte, 64<<10)
	file, err := os.Open(kernel)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	if _, err := io.ReadFull(file, start); err != nil {
		return "", err
	}
	version, _, _ := strings.Cut(string(start[0x200+int(binary.LittleEndian.Uint16(start[0x20e:])):]), " ")
	return version, nil
}

func fillMirror(ctx context.Context, dir, kernel string) error {
	apt, err := newPrivateApt("APT::Architecture=amd64", "APT::Architectures=amd64")
	if err != nil {
		return err
	}
	defer apt.remove()
	if err := apt.useRelease(mirrorRelease); err != nil {
		return err
	}
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	pool := filepath.Join(dir, "pool")
	if err := os.Mkdir(pool, 0o755); err != nil {
		return err
	}
	if err := apt.fillPool(ctx, pool); err != nil {
		return err
	}
	if err := apt.addUdebs(ctx, pool, kernel); err != nil {
		return err
	}
	return writeIndexes(ctx, dir)
}

// fillPool downloads the packages that the installer installs.
func (a *privateApt) fillPool(ctx context.Context, pool string) error {
	for _, packages := range mirroredPackages {
		if _, err := a.run(ctx, "apt-get", append([]string{"--yes", "--no-install-recommends", "--download-only", "install"}, packages...)...); err != nil {
			return err
		}
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, "cache/archives/*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		// A web server reads an escaped colon as a colon.
		if err := copyTo(filepath.Join(pool, strings.ReplaceAll(filepath.Base(deb), "%3a", "-")), deb); err != nil {
			return err
		}
	}
	return nil
}

// writeIndexes writes the index of each kind of packages, and the file Release, which has the checksums of the indexes.
func writeIndexes(ctx context.Context, dir string) error {
	indexes := map[string]string{"*.deb": debIndex, "*.udeb": udebIndex}
	release := "Origin: Debian\nSuite: stable\nCodename: " + mirrorRelease + "\nArchitectures: amd64\nComponents: main\n" +
		"Date: " + time.Now().UTC().Format(time.RFC1123) + "\nSHA256:\n"
	dists := filepath.Join(dir, "dists", mirrorRelease)
	for _, pattern := range slices.Sorted(maps.Keys(indexes)) {
		index, err := indexOf(ctx, dir, pattern)
		if err != nil {
			return err
		}
		// apt reads the checksum of the plain index as well.
		plain := strings.TrimSuffix(indexes[pattern], ".gz")
		name := filepath.Join(dists, plain)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, index, 0o644); err != nil {
			return err
		}
		if _, err := output(exec.CommandContext(ctx, "gzip", "--keep", "--no-name", name)); err != nil {
			return err
		}
		for _, file := range []string{plain, indexes[pattern]} {
			size, checksum, err := sizeAndChecksum(filepath.Join(dists, file))
			if err != nil {
				return err
			}
			release += fmt.Sprintf(" %s %d %s\n", checksum, size, file)
		}
	}
	// The installer looks for this file to see whether the mirror has its architecture.
	architecture := filepath.Join(dists, filepath.Dir(debIndex), "Release")
	if err := os.WriteFile(architecture, []byte("Component: main\nArchitecture: amd64\n"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dists, "Release"), []byte(release), 0o644)
}

// indexOf is the index of the packages whose file names match.
func indexOf(ctx context.Context, dir, pattern string) ([]byte, error) {
	packages, err := filepath.Glob(filepath.Join(dir, "pool", pattern))
	if err != nil {
		return nil, err
	}
	var index []byte
	for _, file := range packages {
		control, err := output(exec.CommandContext(ctx, "dpkg-deb", "--field", file))
		if err != nil {
			return nil, err
		}
		size, checksum, err := sizeAndChecksum(file)
		if err != nil {
			return nil, err
		}
		index = fmt.Appendf(index, "%sFilename: pool/%s\nSize: %d\nSHA256: %s\n\n", control, filepath.Base(file), size, checksum)
	}
	return index, nil
}

func sizeAndChecksum(file string) (size int, checksum string, err error) {
	content, err := os.ReadFile(file)
	return len(content), fmt.Sprintf("%x", sha256.Sum256(content)), err
}
