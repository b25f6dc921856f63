package pxelinux

import "fmt"

// The limits of the firmware. How much it can load, and the memory that it needs, depend on its generation: firmware.go.
const (
	// MaxFileSize is the largest size of a file, in bytes, that the firmware reads. It skips a longer
	// file and tries the next name.
	//
	// QEMU pc-bios/s390-ccw/netmain.c: "static char cfgbuf[2048]", and SLOF lib/libnet/pxelinux.c
	// pxelinux_load_parse_cfg() keeps one byte of it for the closing NUL.
	MaxFileSize = 2047

	// MaxAppendSize is the number of bytes of an append line that reach the kernel; the rest is cut.
	//
	// QEMU pc-bios/s390-ccw/netmain.c load_kernel_with_initrd(): "strncpy((char *)0x10480,
	// entry->append, ARCH_COMMAND_LINE_SIZE)" with a size of 896, which includes a NUL.
	MaxAppendSize = 895

	// MaxPathSize is the largest size of a file's path, in bytes; a longer path overwrites firmware memory.
	//
	// SLOF lib/libnet/tftp.c send_rrq() builds its request in "packet[BUFFER_LEN]" of 256 bytes
	// without a check; over IPv4, 50 of them are headers and options.
	MaxPathSize = 206

	// MaxPrefixSize is the largest size, in bytes, of what DHCP puts before "pxelinux.cfg/" (the directory
	// of the bootfile), so that a path with the longest name, a UUID, stays within MaxPathSize.
	MaxPrefixSize = MaxPathSize - len(directory) - uuidSize
)

// The numbers of entries of a file that the firmware can use.
//
// QEMU pc-bios/s390-ccw/netmain.c: "#define MAX_PXELINUX_ENTRIES 16", in 10.1 "MAX_BOOT_ENTRIES" of
// 31; SLOF lib/libnet/pxelinux.c pxelinux_parse_cfg() stops at the last label, before its keywords.
const (
	fewestEntries = 15
	mostEntries   = 30
)

// EntryLimits says, for the documentation, how many entries of a file the generations can use: "15 entries,
// and 30 with the firmware of QEMU 10.1 and later".
func EntryLimits() string {
	return fmt.Sprintf("%d entries, and %d with %s", Merged.MaxEntries(), Menu.MaxEntries(), Menu)
}

// MaxEntries is the number of entries of a file that the firmware can use.
func (f Firmware) MaxEntries() int {
	if f == SeparateLoader || f == Merged {
		return fewestEntries
	}
	return mostEntries
}
