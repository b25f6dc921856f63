package lab

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// mirroredUdebs are the parts of the installer that it downloads: those with a step of an unattended installation, and what they need,
// except what is in the initrd.
var mirroredUdebs = []string{
	"apt-mirror-setup", "apt-setup-udeb", "base-installer", "bootstrap-base", "clock-setup", "debootstrap-udeb", "di-utils-mapdevfs",
	"disk-detect", "dmidecode-udeb", "dosfstools-udeb", "e2fsprogs-udeb", "finish-install", "fuse3-udeb", "grub-installer",
	"grub-mount-udeb", "libbsd0-udeb", "libdevmapper1.02.1-udeb", "libfuse3-4-udeb", "libmd0-udeb", "libparted-fs-resize0-udeb",
	"libparted2-udeb", "ntfs-3g-udeb", "os-prober-udeb", "partman-auto", "partman-base", "partman-basicfilesystems",
	"partman-basicmethods", "partman-efi", "partman-ext3", "partman-partitioning", "partman-target", "partman-utils", "pkgsel",
	"rdate-udeb", "tzsetup-udeb", "user-setup-udeb",
}

// mirroredModules are the installer's kernel modules for a virtio disk with ext4, and the packages that these depend on. The names
// have the version of the kernel at their end.
var mirroredModules = []string{"ata-modules", "cdrom-core-modules", "ext4-modules", "scsi-modules"}

// linuxImage is the package with all modules of the installer's kernel, whose version is at the end of the package's name.
const linuxImage = "linux-image-"

// udebSubstitutes are for an archive that lists udebs and does not deliver them, such as a proxy that passes on only other packages:
// which files of which packages of the same release are in these udebs, as patterns of filepath.Glob, and what the udeb provides.
var udebSubstitutes = map[string]struct {
	packages, files []string
	provides        string
}{
	"e2fsprogs-udeb": {
		packages: []string{"e2fsprogs", "libext2fs2t64", "libcom-err2"},
		files: []string{
			"etc/mke2fs.conf", "usr/sbin/mke2fs", "usr/sbin/mkfs.ext*", "usr/sbin/e2fsck", "usr/sbin/fsck.ext*", "usr/sbin/tune2fs",
			"usr/sbin/resize2fs", "usr/lib/*/lib*.so.*",
		},
	},
	"ntfs-3g-udeb": {
		packages: []string{"ntfs-3g", "libntfs-3g89t64"},
		files:    []string{"usr/sbin/ntfsresize", "usr/lib/*/libntfs-3g.so.*"},
	},
	"ata-modules": {
		packages: []string{linuxImage}, provides: "ata-modules",
		files: []string{"usr/lib/modules/*/kernel/drivers/ata/libata.ko*"},
	},
	"cdrom-core-modules": {
		packages: []string{linuxImage}, provides: "cdrom-core-modules",
		files: []string{"usr/lib/modules/*/kernel/drivers/cdrom/*"},
	},
	"ext4-modules": {
		packages: []string{linuxImage}, provides: "ext2-modules, ext3-modules, ext4-modules",
		files: []string{"usr/lib/modules/*/kernel/fs/ext4/*", "usr/lib/modules/*/kernel/fs/jbd2/*"},
	},
	"scsi-modules": {
		packages: []string{linuxImage}, provides: "scsi-modules",
		files: []string{"usr/lib/modules/*/kernel/drivers/block/virtio_blk.ko*"},
	},
}

// addUdebs adds the installer's own packages, from Debian's archive if it delivers them.
func (a *privateApt) addUdebs(ctx context.Context, pool, kernel string) error {
	listed, err := listedUdebs(ctx)
	if err != nil {
		return err
	}
	for _, name := range mirroredUdebs {
		if err := fetchUdeb(ctx, pool, listed[name]); err != nil {
			if err := a.makeUdeb(ctx, pool, name, "", err); err != nil {
				return err
			}
		}
	}
	for _, name := range mirroredModules {
		if err := fetchUdeb(ctx, pool, listed[name+"-"+kernel+"-di"]); err != nil {
			if err := a.makeUdeb(ctx, pool, name, kernel, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// udeb is an entry of the archive's index.
type udeb struct{ path, checksum string }

var fieldOfIndex = regexp.MustCompile(`(?m)^(Package|Filename|SHA256): (.*)$`)

// listedUdebs returns the archive's udebs by their names.
func listedUdebs(ctx context.Context) (map[string]udeb, error) {
	body, err := openURL(ctx, archive+"/dists/"+mirrorRelease+"/"+udebIndex)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	plain, err := gzip.NewReader(body)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return nil, err
	}
	listed := map[string]udeb{}
	for entry := range strings.SplitSeq(string(text), "\n\n") {
		fields := map[string]string{}
		for _, field := range fieldOfIndex.FindAllStringSubmatch(entry, -1) {
			fields[field[1]] = field[2]
		}
		listed[fields["Package"]] = udeb{fields["Filename"], fields["SHA256"]}
	}
	return listed, nil
}

func fetchUdeb(ctx context.Context, pool string, wanted udeb) error {
	if wanted.path == "" {
		return errors.New("the archive does not list it")
	}
	body, err := openURL(ctx, archive+"/"+wanted.path)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if checksum := fmt.Sprintf("%x", sha256.Sum256(content)); checksum != wanted.checksum {
		return fmt.Errorf("%s has the checksum %s, but the archive's index says %s", wanted.path, checksum, wanted.checksum)
	}
	return os.WriteFile(filepath.Join(pool, filepath.Base(wanted.path)), content, 0o644)
}

// makeUdeb makes a udeb that the archive does not deliver. With a kernel, it has modules of that kernel.
func (a *privateApt) makeUdeb(ctx context.Context, pool, name, kernel string, why error) error {
	substitute, known := udebSubstitutes[name]
	if !known {
		return fmt.Errorf("unable to get %s: %w", name, why)
	}
	control := "Version: 99\nArchitecture: amd64\nMaintainer: the lab\nSection: debian-installer\nDescription: made by the lab\n"
	if kernel != "" {
		name += "-" + kernel + "-di"
		control += "Kernel-Version: " + kernel + "\nPriority: standard\nProvides: " + substitute.provides + "\n"
	}
	announce("Making %s of other packages, because: %v", name, why)
	root := filepath.Join(a.dir, "made", name)
	for _, debianPackage := range substitute.packages {
		unpacked, err := a.unpackOnce(ctx, debianPackage, kernel)
		if err != nil {
			return err
		}
		for _, pattern := range substitute.files {
			if err := copyMatches(root, unpacked, pattern); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "DEBIAN"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "DEBIAN/control"), []byte("Package: "+name+"\n"+control), 0o644); err != nil {
		return err
	}
	_, err := output(exec.CommandContext(ctx, "dpkg-deb", "--root-owner-group", "--build", root, filepath.Join(pool, name+"_99_amd64.udeb")))
	return err
}

// unpackOnce downloads a package, and unpacks it to the directory that it returns.
func (a *privateApt) unpackOnce(ctx context.Context, debianPackage, kernel string) (string, error) {
	if debianPackage == linuxImage {
		debianPackage += kernel
	}
	dir := filepath.Join(a.dir, "unpacked", debianPackage)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if _, err := a.download(ctx, debianPackage); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, a.extract(ctx, debianPackage+"_*.deb", dir)
}

// copyMatches copies the files of a pattern to the same paths below another directory. A link becomes a copy.
func copyMatches(to, from, pattern string) error {
	files, err := filepath.Glob(filepath.Join(from, pattern))
	if err != nil {
		return err
	}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(file, from))
		if err := errors.Join(copyTo(target, file), os.Chmod(target, info.Mode())); err != nil {
			return err
		}
	}
	return nil
}
