package pxelinux

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
)

// directory is where readers look for configurations, below the TFTP root or another directory.
const directory = "pxelinux.cfg/"

// Search is what a guest's reader knows when it looks for something to boot: the guest's identity, and
// what DHCP told it. Everything except the MAC address may be empty.
type Search struct {
	Reader Reader // nil means the firmware of s390x guests

	UUID string // of the guest; a UUID of zeros counts as empty
	MAC  string
	IPv4 string // the address that DHCP gave it

	BootFile   string // DHCP option 67, or the field "file"
	ConfigFile string // DHCP option 209
	PathPrefix string // DHCP option 210
}

// Paths returns the paths below the TFTP root that the reader asks for, in that order. The reader
// uses the first file that has at least one byte, whatever the file contains. Firmware with SLOF's libnet skips a file of
// more than MaxFileSize as well.
//
// A BootFile that names a file comes first if a firmware is the reader. The firmware loads it as a kernel, unless an s390x
// firmware finds that it begins like an .ins manifest ("* ") or a configuration ("# pxelinux").
func (s Search) Paths() ([]string, error) {
	if s.Reader == nil {
		return UnknownFirmware.paths(s)
	}
	return s.Reader.paths(s)
}

// paths follows QEMU pc-bios/s390-ccw/netmain.c main(): "if (fnlen > 0 && fn_ip.filename[fnlen - 1] != '/')".
func (f Firmware) paths(s Search) ([]string, error) {
	var paths []string
	if s.namesFile() {
		paths = append(paths, s.BootFile)
	}
	return s.libnetPaths(f, paths)
}

// namesFile tells whether the bootfile is a file and not a directory.
func (s Search) namesFile() bool { return s.BootFile != "" && !strings.HasSuffix(s.BootFile, "/") }

// libnetPaths adds the paths of configurations that a firmware with SLOF's libnet asks for. These firmwares take the kernel and
// the initrd that the file names from the TFTP root.
func (s Search) libnetPaths(by Reader, paths []string) ([]string, error) {
	names, err := s.names(by)
	if err != nil {
		return nil, err
	}
	if s.ConfigFile != "" {
		names = append([]string{s.ConfigFile}, names...)
	}
	for _, name := range names {
		paths = append(paths, s.base()+name)
	}
	for _, p := range paths {
		if len(p) > MaxPathSize {
			return nil, fmt.Errorf("the firmware asks for %s, and overwrites its own memory if a path has more than %d bytes; shorten the DHCP options that make up the path", quote(p), MaxPathSize)
		}
	}
	return paths, nil
}

// base is the prefix of all names.
//
// SLOF lib/libnet/pxelinux.c pxelinux_load_cfg() takes option 210 as it is, without adding anything.
// Without option 210 it takes the directory of the bootfile and "pxelinux.cfg/".
func (s Search) base() string {
	if s.PathPrefix != "" {
		return s.PathPrefix
	}
	return s.BootFile[:strings.LastIndexByte(s.BootFile, '/')+1] + directory
}

// names are the names of configurations of all readers, in their order: SLOF lib/libnet/pxelinux.c pxelinux_load_cfg(),
// syslinux core/fs/pxe/pxe.c pxe_open_config(), s390-tools netboot/mk-pxelinux-ramfs.
func (s Search) names(by Reader) ([]string, error) {
	var names []string
	if strings.Trim(s.UUID, "0-") != "" {
		name, err := by.UUIDFileName(s.UUID)
		if err != nil && !errors.Is(err, errUnaskedUUID) {
			return nil, err
		}
		if err == nil {
			names = append(names, name)
		}
	}
	name, err := MACFileName(s.MAC)
	if err != nil {
		return nil, err
	}
	names = append(names, name)
	if s.IPv4 != "" {
		name, err := IPv4FileName(s.IPv4)
		if err != nil {
			return nil, err
		}
		for digits := len(name); digits > 0; digits-- {
			names = append(names, name[:digits])
		}
	}
	return append(names, DefaultFileName), nil
}

// foreignLoaders are the usual names of boot loaders of other machines: SYSLINUX, iPXE, GRUB and
// EFI programs.
var foreignLoaders = sync.OnceValue(func() *regexp.Regexp { // compiled at the first use, not at each start
	return regexp.MustCompile(`(?i)^([lg]?pxelinux\.0|.*\.(efi|k{0,3}pxe|lkrn|elf)|(pxe)?grub.*|undionly.*)$`)
})

// IsForeignLoader tells by a bootfile's name whether it is a boot loader of machines other than
// s390x. The firmware would load it as a kernel, jump into it and stop without a message.
func IsForeignLoader(bootFile string) bool {
	return foreignLoaders().MatchString(path.Base(bootFile)) && !strings.HasSuffix(bootFile, "/")
}
