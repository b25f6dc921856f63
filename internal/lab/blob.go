package lab

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The script of s390-tools that makes the initrd of its boot loader, by its commit. Debian has it in no package.
const (
	blobScript    = "mk-pxelinux-ramfs"
	blobScriptURL = "https://raw.githubusercontent.com/ibm-s390-linux/s390-tools/c66495888dc82070512655ab81ae2c9a13713e9f/netboot/" + blobScript
)

// ErrNoBlobScript says that the script is not in the cache, and cannot be downloaded.
var ErrNoBlobScript = errors.New("the script of s390-tools is not available")

// The packages with the programs of the boot loader, the files of them that it needs, and the commands of busybox that its scripts run.
var (
	blobPackages = []string{"busybox-static", "kexec-tools", "libc6"}
	blobPrograms = []string{"bin/busybox", "sbin/kexec", "lib/ld64.so.1", "lib/s390x-linux-gnu/libc.so.6"}
	blobCommands = []string{
		"bin/cat", "bin/grep", "bin/mount", "bin/rm", "bin/sed", "bin/sh", "bin/sleep", "bin/uname", "sbin/ip", "sbin/modprobe", "sbin/udhcpc",
		"usr/bin/cut", "usr/bin/expr", "usr/bin/printf", "usr/bin/tail", "usr/bin/tftp", "usr/bin/tr",
	}
	// The driver of the network card comes last. The others are what it depends on.
	blobModules = []string{"failover.ko", "net_failover.ko", "virtio_net.ko"}
)

// Blob returns the path of the boot loader of s390-tools: one file with Kernel and an initrd, made as by mk-pxelinux-ramfs and mk-s390image,
// with their scripts and Debian's programs. The first call on a machine downloads the script from GitHub and packages of Debian (5 MB).
func Blob(ctx context.Context) (string, error) {
	blob, err := makeBlob(ctx)
	if err != nil {
		return "", fmt.Errorf("unable to make the boot loader of s390-tools: %w", err)
	}
	return blob, nil
}

func makeBlob(ctx context.Context) (string, error) {
	script, err := cachedBlobScript(ctx)
	if err != nil {
		return "", err
	}
	kernel, err := Kernel(ctx)
	if err != nil {
		return "", err
	}
	parts := slices.Concat(blobPackages, blobPrograms)
	programs, err := cachedDir(ctx, "blob-programs-"+hashOf(parts), downloadBlobPrograms)
	if err != nil {
		return "", err
	}
	dir, err := cachedDir(ctx, "blob-"+hashOf(slices.Concat(parts, blobCommands, []string{kernel, script})), func(_ context.Context, dir string) error {
		files, err := blobFiles(script, kernel, programs)
		if err != nil {
			return err
		}
		return writeBlob(filepath.Join(dir, "blob"), kernel, files)
	})
	return filepath.Join(dir, "blob"), err
}

// cachedBlobScript returns the script. On a machine that cannot reach GitHub, it can be copied to the cache by hand.
func cachedBlobScript(ctx context.Context) (string, error) {
	dir, err := CacheDir("s390-tools")
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, blobScript)
	script, err := os.ReadFile(name)
	if !errors.Is(err, os.ErrNotExist) {
		return string(script), err
	}
	announce("Downloading %s of s390-tools", blobScript)
	if err := fetchBlobScript(ctx, name); err != nil {
		return "", fmt.Errorf("%w: %w; copy it from %s to %s", ErrNoBlobScript, err, blobScriptURL, name)
	}
	script, err = os.ReadFile(name)
	return string(script), err
}

func fetchBlobScript(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	body, err := openURL(ctx, blobScriptURL)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if err := writeFile(name+".part", body); err != nil {
		return err
	}
	return os.Rename(name+".part", name)
}

func downloadBlobPrograms(ctx context.Context, dir string) error {
	apt, err := newPrivateApt("APT::Architecture=s390x", "APT::Architectures=s390x")
	if err != nil {
		return err
	}
	defer apt.remove()
	announce("Downloading Debian packages for s390x: %s", strings.Join(blobPackages, " "))
	unpacked := filepath.Join(apt.dir, "unpacked")
	if err := apt.unpack(ctx, unpacked, blobPackages...); err != nil {
		return err
	}
	for _, name := range blobPrograms {
		if err := copyTo(filepath.Join(dir, name), filepath.Join(unpacked, name)); err != nil {
			return err
		}
	}
	return nil
}

// blobFiles are the files of the initrd: what the script copies, and the scripts that it writes.
func blobFiles(script, kernel, programs string) ([]cpioFile, error) {
	var files []cpioFile
	modules := "lib/modules/" + strings.TrimPrefix(filepath.Base(kernel), "vmlinuz-")
	for _, name := range []string{
		"bin", "dev", "etc", "etc/udhcpc", "lib", "lib/modules", "lib/s390x-linux-gnu", modules, "proc", "run", "sbin", "sys", "tmp",
		"usr", "usr/bin", "usr/share", "usr/share/udhcpc",
	} {
		files = append(files, cpioFile{name: name, mode: cpioDirectory})
	}
	for _, name := range []string{"init", "usr/share/udhcpc/default.script", "sbin/pxeboot.script"} {
		_, text, found := strings.Cut(script, "cat <<'EOF' > $builddir/"+name+"\n")
		text, _, ends := strings.Cut(text, "\nEOF\n")
		if !found || !ends {
			return nil, fmt.Errorf("%s writes no %s", blobScript, name)
		}
		files = append(files, cpioFile{name: name, mode: cpioExecutable, content: []byte(text + "\n")})
	}
	for _, name := range blobCommands {
		files = append(files, cpioFile{name: name, mode: cpioLink, content: []byte("/bin/busybox")})
	}
	// Debian's busybox looks there for what the script writes elsewhere.
	files = append(files, cpioFile{name: "etc/udhcpc/default.script", mode: cpioLink, content: []byte("/usr/share/udhcpc/default.script")})
	copies := map[string]string{}
	for _, name := range blobPrograms {
		copies[name] = filepath.Join(programs, name)
	}
	for _, name := range blobModules {
		copies[modules+"/"+name] = filepath.Join(filepath.Dir(kernel), name)
	}
	for name, from := range copies {
		content, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		files = append(files, cpioFile{name: name, mode: cpioExecutable, content: content})
	}
	// Debian's busybox finds what a module depends on only in this file.
	return append(files, cpioFile{name: modules + "/modules.dep", mode: cpioPlain, content: []byte("virtio_net.ko: net_failover.ko failover.ko\nnet_failover.ko: failover.ko\nfailover.ko:\n")}), nil
}

// writeBlob puts the kernel and an initrd into one file, as mk-s390image does.
func writeBlob(name, kernel string, files []cpioFile) error {
	var initrd bytes.Buffer
	zip := gzip.NewWriter(&initrd)
	if err := errors.Join(writeCPIO(zip, files), zip.Close()); err != nil {
		return err
	}
	image, err := os.ReadFile(kernel)
	if err != nil {
		return err
	}
	image = append(image, make([]byte, -len(image)&0xfff)...)
	binary.BigEndian.PutUint64(image[initrdAddress:], uint64(len(image)))
	binary.BigEndian.PutUint64(image[initrdSize:], uint64(initrd.Len()))
	return writeFile(name, io.MultiReader(bytes.NewReader(image), &initrd))
}
