package pxelinux

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PXELINUX is the boot loader of x86_64 guests with a BIOS: the files pxelinux.0 and ldlinux.c32 of syslinux 6. Names of
// functions are those of syslinux at 5e426532, and what is said of them was measured with Debian's 6.04~git20190206.
var PXELINUX Reader = loader{}

type loader struct{}

func (loader) String() string { return "PXELINUX, the boot loader of x86_64 guests" }

// The limits of PXELINUX. It has none on the size of a file, and none on the number of entries.
const (
	// MaxLine is the number of bytes of a line that PXELINUX reads. It reads the rest as another line.
	//
	// com32/elflink/ldlinux/readconfig.c parse_config_file(): "char line[MAX_LINE]" of 4096 bytes, for fgets.
	MaxLine = 4095

	// MaxLoaderPath is the largest size of a path, in bytes. PXELINUX cuts off the rest.
	//
	// core/fs/pxe/pxe.c pxe_mangle_name(): "size_t len = FILENAME_MAX-1", which is 256 in core/include/fs.h.
	MaxLoaderPath = 255

	// MaxCommandLine is the number of bytes of the command line that reach an x86 kernel, with what PXELINUX adds before and
	// after append. It cuts off the rest without a message.
	//
	// com32/lib/syslinux/load_linux.c bios_boot_linux(): "if (cmdline_size > hdr.cmdline_max_len)" counts a NUL. A kernel has
	// there COMMAND_LINE_SIZE-1, which is 2047 (Linux arch/x86/boot/header.S).
	MaxCommandLine = 2046

	// maxCommand is the number of bytes from which PXELINUX refuses to boot: a kernel's path and its arguments, and for the
	// keyword "linux" this word with a dot.
	//
	// com32/elflink/ldlinux/execute.c execute(): "if (strlen(cmdline) >= MAX_CMDLINE_LEN)", which is 2048 in com32/include/menu.h.
	maxCommand = 2048
)

const (
	keywordLinux = "linux"
	initrdWord   = "initrd="
)

// CommandLine is the command line that PXELINUX passes to the kernel of an entry.
//
// com32/elflink/ldlinux/kernel.c new_linux_kernel(): "BOOT_IMAGE=%s %s". readconfig.c record() adds " initrd=%s" to append.
func (e Entry) CommandLine() string {
	arguments := e.Append
	if e.Initrd != "" {
		arguments = joinWords(arguments, initrdWord+e.Initrd)
	}
	return "BOOT_IMAGE=" + e.Kernel + " " + arguments
}

// text writes the configuration. PXELINUX stops at its prompt without a default line, and it writes nothing to a serial console
// before it reads a serial line.
func (l loader) text(c Config) string {
	var b strings.Builder
	b.WriteString("serial 0 115200\n")
	fmt.Fprintf(&b, "default %s\n", cmp.Or(c.Default, firstLabel(c)))
	for _, e := range c.Entries {
		fmt.Fprintf(&b, "label %s\n", e.Label)
		fmt.Fprintf(&b, "  %s %s\n", l.kernelKeyword(e), e.Kernel)
		if e.Initrd != "" {
			fmt.Fprintf(&b, "  initrd %s\n", e.Initrd)
		}
		if e.Append != "" {
			fmt.Fprintf(&b, "  append %s\n", e.Append)
		}
	}
	return b.String()
}

func firstLabel(c Config) string {
	if len(c.Entries) == 0 {
		return ""
	}
	return c.Entries[0].Label
}

// kernelKeyword is "kernel", but "linux" for a file that PXELINUX would not take for a Linux kernel because of its name.
func (l loader) kernelKeyword(e Entry) string {
	if e.Type == "" && l.typeByName(e.Kernel) != "" {
		return keywordLinux
	}
	return cmp.Or(e.Type, keywordKernel)
}

// typeByName is what PXELINUX takes a file for that is named after the keyword "kernel": nothing special, or a keyword.
//
// com32/elflink/ldlinux/ldlinux.c parse_image_type(), with file_extensions.
func (loader) typeByName(kernel string) string {
	for _, known := range []struct{ extension, keyword string }{
		{".c32", "com32"}, {".img", "fdimage"}, {".bss", "bss"}, {".bin", "boot"}, {".bs", "boot"}, {".0", "pxe"},
	} {
		if strings.HasSuffix(kernel, known.extension) {
			return known.keyword
		}
	}
	return ""
}

// boot returns the entry of the default line.
//
// com32/elflink/ldlinux/ldlinux.c ldlinux_auto_boot(), and readconfig.c find_label(), which takes the first word as the label, and
// the first entry with this label.
func (loader) boot(c Config, _ string) (Entry, error) {
	if c.Default == "" {
		return Entry{}, errors.New("No DEFAULT or UI configuration directive found!") //nolint:staticcheck // PXELINUX's own words
	}
	label, _ := cutWord(c.Default)
	for _, e := range c.Entries {
		if e.Label == label {
			return e, nil
		}
	}
	return Entry{}, fmt.Errorf("Loading %s... failed: No such file or directory", label) //nolint:staticcheck // PXELINUX's own words
}

// errUnaskedUUID is in the error for a UUID that is valid, but that PXELINUX does not ask for.
var errUnaskedUUID = errors.New("PXELINUX does not take this UUID for a valid one, and never asks for its file")

// UUIDFileName returns the name with the first three groups of the UUID in reverse byte order, because PXELINUX takes the bytes
// from the BIOS. In two of 16 UUIDs, the byte that PXELINUX takes for the version of the UUID is not one, and then it asks for no
// such file.
//
// core/sysappend.c sysappend_set_uuid(), and is_valid_uuid(): "return (uuid[6] >= 0x10 && uuid[6] < 0xf0)", of the reversed bytes.
func (loader) UUIDFileName(uuid string) (string, error) {
	raw, err := uuidBytes(uuid)
	if err != nil {
		return "", err
	}
	raw = biosUUID(raw)
	if raw[6] < 0x10 || raw[6] >= 0xf0 {
		return "", fmt.Errorf("%w, because its third group ends in %02x; use a MAC address instead, or a UUID whose third group ends in 10 to ef", errUnaskedUUID, raw[6])
	}
	return uuidText(raw), nil
}

// biosUUID reverses the bytes of the first three groups.
func biosUUID(raw [16]byte) [16]byte {
	for _, group := range [][]byte{raw[:4], raw[4:6], raw[6:8]} {
		slices.Reverse(group)
	}
	return raw
}

// UUIDOf reverses the bytes of the first three groups of the name.
func (loader) UUIDOf(name string) string {
	raw, err := uuidBytes(name)
	if err != nil {
		return name
	}
	return uuidText(biosUUID(raw))
}

// paths are the paths of configurations. A bootfile is PXELINUX itself, which it does not ask for again.
//
// core/fs/pxe/pxe.c pxe_open_config(). Option 209 is the whole name of a file, without "pxelinux.cfg/".
func (l loader) paths(s Search) ([]string, error) {
	names, err := s.names(l)
	if err != nil {
		return nil, err
	}
	for i := range names {
		names[i] = directory + names[i]
	}
	if s.ConfigFile != "" {
		names = append([]string{s.ConfigFile}, names...)
	}
	for i := range names {
		names[i] = l.base(s) + names[i]
		if len(names[i]) > MaxLoaderPath {
			return nil, fmt.Errorf("PXELINUX asks for %s, but cuts a path after %d bytes; shorten the DHCP options that make up the path", quote(names[i]), MaxLoaderPath)
		}
	}
	return names, nil
}

// base is the directory of PXELINUX, with which it begins every path, also those of kernels and initrds. Without option 210, it
// is the part of the bootfile up to the last character other than letters, digits, "." and "-": core/fs/pxe/pxe.c get_prefix().
func (loader) base(s Search) string {
	if s.PathPrefix != "" {
		return s.PathPrefix
	}
	end := strings.LastIndexFunc(s.BootFile, func(r rune) bool {
		isName := r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '.' || r == '-'
		return !isName
	})
	return s.BootFile[:end+1]
}
