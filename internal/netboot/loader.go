package netboot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/pxelinux"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/tftproot"
)

// Kinds of files in File, in addition to a kernel and an initrd.
const (
	FixedFile  = "file"   // at a fixed path
	VolumeFile = "volume" // which can be a boot loader in the pool of a TFTP root
)

// pxelinuxModule is the file that PXELINUX loads first, from its own directory or the path prefix: syslinux core/elflink/load_env32.c
// load_env32().
const pxelinuxModule = "ldlinux.c32"

// loader checks that the boot loader that a network names for a guest is below the TFTP root, with what it loads first.
func (c *check) loader(ctx context.Context, nic int, network Network, offer dnsmasq.Rule) {
	root := rootOf(c.guest.Config)
	served, known := c.plans.Roots.Find(root)
	if offer.Bootfile == "" || offer.NextServer != "" || !known || served != network.TFTPRoot {
		return
	}
	file := strings.TrimPrefix(offer.Bootfile, "/")
	if !c.guest.Starts {
		c.removed(root, file, nic, offer)
		return
	}
	if c.isMissing(ctx, root, file) {
		c.report(c.missing(root, fmt.Sprintf("DHCP on network %q tells this guest to load %q, but there is no such file below the TFTP root %s", network.Name, file, served), file), OfNetwork, nic)
		return
	}
	what := c.recognized(root, file)
	if c.cannotStart(what) {
		c.wrong(fmt.Sprintf("DHCP on network %q tells this guest to load %q, but this file is %s", network.Name, file, what),
			fmt.Sprintf("publish %s under this path with files of the netboot_tftp_root, or change the bootfile", c.wanted()), nic)
		return
	}
	next, why := c.loadsNext(file, what, offer)
	if next != "" && c.isMissing(ctx, root, next) {
		c.report(c.missing(root, fmt.Sprintf("%s, but there is no such file below the TFTP root %s", why, served), next), OfNetwork, nic)
		return
	}
	if found := c.recognized(root, next); c.cannotBeNext(found) {
		c.wrong(fmt.Sprintf("%s, but this file is %s", why, found), fmt.Sprintf("publish the file that belongs to %q; all files of a boot loader are from one release", file), nic)
	}
}

// removed warns about a boot loader that this run removes, although a guest that does not start now loads it at its next start.
func (c *check) removed(root, file string, nic int, offer dnsmasq.Rule) {
	next, _ := c.loadsNext(file, c.recognized(root, file), offer)
	for _, loaded := range []string{file, next} {
		if gone, _ := c.plans.Removed.Find(root + "/" + loaded); gone {
			c.findings = append(c.findings, Finding{Attribute: OfNetwork, Interface: nic, Problem: pxelinux.Problem{
				Severity: pxelinux.Warning,
				Message:  fmt.Sprintf("this run removes %q below the TFTP root, which the guest loads when it starts the next time", loaded),
				Remedy:   fmt.Sprintf("keep %q in files of the netboot_tftp_root, or change the bootfile", loaded),
			}})
		}
	}
}

func (c *check) wrong(message, remedy string, nic int) {
	c.report(&pxelinux.Problem{Severity: pxelinux.Error, Message: message, Remedy: remedy}, OfNetwork, nic)
}

// recognized is what a file is that this run publishes at a fixed path.
func (c *check) recognized(root, file string) loader.File {
	found, _ := c.plans.Files.Find(root + "/" + file)
	return found.Loader
}

// cannotStart tells whether the guest's firmware certainly cannot start a file. The network cards of QEMU have iPXE, which also runs its
// own scripts, and Linux for x86 on a BIOS. Of other boot loaders for a BIOS, nothing is known.
func (c *check) cannotStart(file loader.File) bool {
	switch {
	case file.Kind == loader.Unread || file.Kind == loader.Script:
		return false
	case c.guest.GRUB: // so the firmware is UEFI
		return file.EFI != c.guest.Arch && file.EFI != loader.AnyMachine
	default:
		return file.Kind == loader.Text || file.Kind == loader.Module || file.EFI != "" && !file.BIOS
	}
}

// wanted is what the guest's firmware starts.
func (c *check) wanted() string {
	if c.guest.GRUB {
		return fmt.Sprintf("a boot loader for %s with UEFI, such as a shim,", c.guest.Arch)
	}
	return "a boot loader for a BIOS, such as pxelinux.0,"
}

// cannotBeNext tells whether a file certainly is not what the boot loader loads first.
func (c *check) cannotBeNext(file loader.File) bool {
	if file.Kind == loader.Unread {
		return false
	}
	if c.guest.GRUB {
		return file.EFI != c.guest.Arch
	}
	return file.Kind != loader.Module
}

// loadsNext returns the file that a boot loader loads first, and why; "" if that is not known. If its content is not known, its name
// says what it is.
func (c *check) loadsNext(file string, what loader.File, offer dnsmasq.Rule) (next, why string) {
	grub, isShim := nextOfShim(file)
	if what.Kind != loader.Unread {
		grub, isShim = grubOf(what.EFI), what.Kind == loader.Shim
	}
	switch {
	case c.guest.GRUB && isShim:
		next = path.Join(path.Dir(file), grub)
		return next, fmt.Sprintf("%s is a shim, which loads %q", file, next)
	case c.guest.GRUB, what.Kind != loader.Unread && what.Kind != loader.PXELINUX, withoutModules(what.Major):
		return "", ""
	case offer.PathPrefix != "":
		next = strings.TrimPrefix(offer.PathPrefix+pxelinuxModule, "/")
	default:
		next = path.Join(path.Dir(file), pxelinuxModule)
	}
	return next, fmt.Sprintf("PXELINUX 5 and later loads %q first", next)
}

// nextOfShim returns the name of the file that a shim loads from its own directory, if the boot loader is a shim by its name: shimx64.efi
// in packages, and bootnetx64.efi in Debian's installers. shim Makefile: DEFAULT_LOADER; netboot.c parseNetbootinfo().
func nextOfShim(file string) (grub string, isShim bool) {
	name := strings.ToLower(path.Base(file))
	if !strings.HasPrefix(name, "shim") && !strings.HasPrefix(name, "bootnet") {
		return "", false
	}
	for _, cpu := range []string{arch.X86, arch.AArch64} {
		if grub := grubOf(cpu); strings.Contains(name, strings.TrimPrefix(grub, "grub")) {
			return grub, true
		}
	}
	return "", false
}

// grubOf is the name of the file that a shim for an architecture loads.
func grubOf(cpu string) string {
	if cpu == arch.AArch64 {
		return "grubaa64.efi"
	}
	return "grubx64.efi"
}

// withoutModules tells whether a release of PXELINUX needs no file of its own: 4 and earlier.
func withoutModules(major string) bool {
	number, err := strconv.Atoi(major)
	return err == nil && number < 5
}

// missing is an error if the files of the TFTP root are part of this run. Otherwise, another program may add the file before the guest
// starts.
func (c *check) missing(root, message, file string) *pxelinux.Problem {
	severity := pxelinux.Warning
	if c.managesFilesIn(root, "") {
		severity = pxelinux.Error
	}
	return &pxelinux.Problem{
		Severity: severity,
		Message:  message,
		Remedy:   fmt.Sprintf("add %q to files of the netboot_tftp_root; all files of a boot loader are from one release", file),
	}
}

// isMissing tells whether a file is not below a TFTP root, and this run does not publish it. Of a directory that is no storage pool,
// nothing is known, unless this run publishes files in it.
func (c *check) isMissing(ctx context.Context, root, file string) bool {
	dir, name := tftproot.Split(file)
	if _, planned := c.plans.Files.Find(root + "/" + file); planned {
		return false
	}
	if removed, _ := c.plans.Removed.Find(root + "/" + file); removed {
		return true
	}
	if dir != "" && !c.managesFilesIn(root, dir) {
		return false
	}
	if _, err := c.host.Stat(ctx, tftproot.DirPool(root, dir), name); !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, holdsWait)
	defer cancel()
	_, planned := c.plans.Files.Await(ctx, root+"/"+file)
	return !planned
}

// managesFilesIn tells whether this run publishes files at fixed paths in a directory below a TFTP root; "" is any directory.
func (c *check) managesFilesIn(root, dir string) bool {
	prefix := root + "/"
	if dir != "" {
		prefix += dir + "/"
	}
	return c.plans.Files.Search(func(name string, file File) bool { return file.Kind == FixedFile && strings.HasPrefix(name, prefix) }) != ""
}
