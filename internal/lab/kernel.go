package lab

import (
	"archive/tar"
	"context"
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

// The drivers that Debian builds as modules and the initrd needs, in the order to load them in.
var modules = []string{"failover.ko", "net_failover.ko", "virtio_net.ko", "virtio_blk.ko"}

// Kernel is the path of Debian's current s390x kernel, a file such as vmlinuz-6.1.0-50-s390x. The first
// call on a machine downloads its package (30 MB) through the machine's own apt sources; the file and
// the modules of the initrd then stay in the cache, until its directory kernel is removed.
func Kernel(ctx context.Context) (string, error) {
	dir, err := kernelDir(ctx)
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

// kernelDir is the directory that holds the kernel and its modules. It appears whole or not at all.
func kernelDir(ctx context.Context) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "kernel")
	return dir, exclusively(ctx, func() error {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		partial, err := os.MkdirTemp(cache, "kernel-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(partial) }()
		if err := downloadKernel(ctx, partial); err != nil {
			return err
		}
		return errors.Join(os.Chmod(partial, 0o755), os.Rename(partial, dir))
	})
}

func downloadKernel(ctx context.Context, dir string) error {
	apt, err := newForeignApt()
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(apt.dir) }()
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	debianPackage, err := apt.kernelPackage(ctx)
	if err != nil {
		return err
	}
	announce("Downloading Debian package %s for s390x", debianPackage)
	if _, err := apt.run(ctx, "apt-get", "download", debianPackage); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(apt.dir, "linux-image-*.deb"))
	if err != nil {
		return err
	}
	if len(debs) != 1 {
		return fmt.Errorf("apt-get downloaded %d files for %s", len(debs), debianPackage)
	}
	return unpackKernel(ctx, debs[0], dir)
}

// foreignApt is apt for s390x packages with a state of its own: adding the architecture to the
// machine's would change what apt does there.
type foreignApt struct{ dir string }

func newForeignApt() (*foreignApt, error) {
	dir, err := os.MkdirTemp("", "netboot-apt-")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
	}
	return &foreignApt{dir}, os.WriteFile(filepath.Join(dir, "status"), nil, 0o644)
}

func (a *foreignApt) run(ctx context.Context, program string, args ...string) (string, error) {
	options := []string{
		"-q",
		"-o", "APT::Architecture=s390x",
		"-o", "APT::Architectures=s390x",
		"-o", "APT::Sandbox::User=", // apt's own user cannot write here
		"-o", "Acquire::Languages=none",
		"-o", "Dir::State=" + filepath.Join(a.dir, "state"),
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::Cache=" + filepath.Join(a.dir, "cache"),
	}
	cmd := exec.CommandContext(ctx, program, append(options, args...)...)
	cmd.Dir = a.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	return output(cmd)
}

// kernelPackage is the package that Debian's meta package for the current kernel depends on, such as
// linux-image-6.1.0-50-s390x.
func (a *foreignApt) kernelPackage(ctx context.Context) (string, error) {
	const meta = "linux-image-s390x"
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
