package lab

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
