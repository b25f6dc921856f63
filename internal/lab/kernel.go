package lab

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// The drivers that Debian builds as modules and that the initrd needs, in the order in which they are loaded.
var modules = []string{"failover.ko", "net_failover.ko", "virtio_net.ko", "virtio_blk.ko", "virtio_balloon.ko", "virtio_console.ko", "cdrom.ko", "isofs.ko"}

// Kernel returns the path of Debian's current s390x kernel, a file such as vmlinuz-6.1.0-50-s390x. The first
// call on a machine downloads its package (30 MB) from the machine's own apt sources. The file and the modules
// of the initrd then stay in the cache until the directory is removed or other modules are needed.
func Kernel(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, kernelDirName(), downloadKernel)
	if err != nil {
		return "", fmt.Errorf("unable to get an s390x kernel: %w", err)
	}
	images, err := filepath.Glob(filepath.Join(dir, "vmlinuz-*"))
	if err != nil {
		return "", err
	}
	if len(images) != 1 {
		return "", fmt.Errorf("%s holds %d kernels; remove it, and the next call downloads it again", dir, len(images))
	}
	return images[0], nil
}

// kernelDirName contains a hash of the modules in the kernel's directory.
func kernelDirName() string {
	return "kernel-" + hashOf(modules)
}

// hashOf returns a hash for the name of a directory in the cache, which depends on the directory's parts.
func hashOf(parts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, " ")))
	return hex.EncodeToString(sum[:6])
}

// downloadKernel fills the directory with the kernel and its modules.
func downloadKernel(ctx context.Context, dir string) error {
	apt, err := newPrivateApt("APT::Architecture=s390x", "APT::Architectures=s390x")
	if err != nil {
		return err
	}
	defer apt.remove()
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	debianPackage, err := apt.kernelPackage(ctx, "linux-image-s390x")
	if err != nil {
		return err
	}
	announce("Downloading Debian package %s for s390x", debianPackage)
	deb, err := apt.download(ctx, debianPackage)
	if err != nil {
		return err
	}
	return unpackKernel(ctx, deb, dir)
}

// kernelPackage returns the package that a metapackage of Debian for the current kernel depends on, such as
// linux-image-6.1.0-50-s390x.
func (a *privateApt) kernelPackage(ctx context.Context, meta string) (string, error) {
	depends, err := a.run(ctx, "apt-cache", "depends", meta)
	if err != nil {
		return "", fmt.Errorf("%w; does the machine have Debian's apt sources?", err)
	}
	for line := range strings.Lines(depends) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
			return "linux-image-" + name, nil
		}
	}
	return "", fmt.Errorf("%s depends on no kernel: %s", meta, depends)
}

// unpackKernel writes the kernel and the modules of a package into the directory, without their folders.
func unpackKernel(ctx context.Context, deb, dir string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	archive, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	return errors.Join(unpackKernelFiles(archive, dir), cmd.Wait())
}

func unpackKernelFiles(archive io.Reader, dir string) error {
	files := tar.NewReader(archive)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Base(header.Name)
		if !strings.HasPrefix(name, "vmlinuz-") && !slices.Contains(modules, name) {
			continue
		}
		if err := writeFile(filepath.Join(dir, name), files); err != nil {
			return err
		}
	}
}

func writeFile(name string, content io.Reader) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
