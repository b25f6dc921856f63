package lab

import (
	"context"
	"fmt"
	"path/filepath"
)

// Installer returns Debian's installer for booting from the network, a Debian package with its kernel, its initrd and boot loaders.
// arch is Debian's name: amd64, arm64 or ppc64el. The first call on a machine downloads the package (30 to 130 MB) from the machine's
// own apt sources. The file then stays in the cache until the directory is removed.
func Installer(ctx context.Context, arch string) (string, error) {
	debianPackage := "debian-installer-12-netboot-" + arch
	dir, err := cachedDir(ctx, debianPackage, func(ctx context.Context, dir string) error { return downloadPackage(ctx, dir, debianPackage) })
	if err != nil {
		return "", fmt.Errorf("unable to get Debian's installer for %s: %w", arch, err)
	}
	return filepath.Join(dir, debianPackage+".deb"), nil
}

// downloadPackage puts a Debian package into a directory.
func downloadPackage(ctx context.Context, dir, debianPackage string) error {
	apt, err := newPrivateApt()
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Downloading Debian package %s", debianPackage)
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	deb, err := apt.download(ctx, debianPackage)
	if err != nil {
		return err
	}
	return copyTo(filepath.Join(dir, debianPackage+".deb"), deb)
}
