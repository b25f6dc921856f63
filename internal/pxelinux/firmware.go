package pxelinux

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Firmware is a generation of the network boot firmware of s390x guests, which comes with QEMU.
// Distributions move parts of it between releases, so IdentifyFirmware reads the firmware file itself.
type Firmware int

// The generations, oldest first.
const (
	// UnknownFirmware is one of the other generations. A problem on only some of them is a warning.
	UnknownFirmware Firmware = iota
	// SeparateLoader is the firmware of QEMU 3.0 to 9.1: a second image, s390-netboot.img, does the netboot.
	SeparateLoader
	// Merged is the firmware of QEMU 9.2 and 10.0: s390-ccw.img does everything, at the top of the memory.
	Merged
	// Menu is the firmware of QEMU 10.1 and later: a merged firmware with a boot menu and twice the entries.
	Menu
)

func (f Firmware) String() string {
	return [...]string{"unknown firmware", "the firmware of QEMU before 9.2", "the firmware of QEMU 9.2 and 10.0", "the firmware of QEMU 10.1 and later"}[f]
}

// IdentifyFirmware tells the generation by the content of the boot firmware, the file s390-ccw.img in
// the directory of QEMU's other images.
//
// Since 9.2 that image includes QEMU pc-bios/s390-ccw/netmain.c, with SLOF's message of
// pxelinux_load_cfg(). Since 10.1 net_select_and_load_kernel() has the heading of its menu.
func IdentifyFirmware(s390ccw []byte) (Firmware, error) {
	switch {
	case !bytes.Contains(s390ccw, []byte("LOADPARM=[")):
		return UnknownFirmware, errors.New("this is not an s390x boot firmware: it does not contain LOADPARM=[, the first words that such a firmware prints")
	case bytes.Contains(s390ccw, []byte("pxelinux.cfg boot menu")):
		return Menu, nil
	case bytes.Contains(s390ccw, []byte("pxelinux.cfg")):
		return Merged, nil
	default:
		return SeparateLoader, nil
	}
}

const (
	mebibyte = 1 << 20

	// loaderAddress is where the separate loader begins.
	//
	// QEMU pc-bios/s390-ccw/netboot.mak: "-Ttext=0x7800000".
	loaderAddress = 0x7800000

	// loaderMemory is the least memory that the separate loader runs in. With less it panics, or
	// hangs without a message (measured with QEMU 7.2: 121 MiB panic, 124 MiB hang, 125 MiB boot).
	loaderMemory = 125 * mebibyte

	// pageSize is the alignment of the initrd.
	//
	// QEMU pc-bios/s390-ccw/netmain.c load_kernel_with_initrd(): "(rc + 0xfff) & ~0xfffUL".
	pageSize = 4096
)

// MinMemory is the least memory, in bytes, that a guest needs for the firmware to netboot.
func (f Firmware) MinMemory() uint64 {
	if f == SeparateLoader {
		return loaderMemory
	}
	return mergedSize + mebibyte
}

// mergedSize is the memory that the merged firmware uses at the top of the guest's memory.
//
// QEMU hw/s390x/ipl.c: "#define BIOS_MAX_SIZE 0x300000" since 9.2.
const mergedSize = 0x300000

// MaxLoad is the number of bytes that kernel and initrd may have together in a guest with this much
// memory. The initrd begins at the next multiple of 4096 after the kernel.
func (f Firmware) MaxLoad(memory uint64) uint64 {
	switch f {
	case SeparateLoader:
		return loaderAddress
	case UnknownFirmware:
		return min(SeparateLoader.MaxLoad(memory), Merged.MaxLoad(memory))
	default:
		// QEMU hw/s390x/ipl.c s390_ipl_realize(): "(MIN(ms->ram_size, 0x80000000UL) -
		// BIOS_MAX_SIZE) & ~0xffffUL".
		const low = 2 << 30
		return (max(min(memory, low), mergedSize) - mergedSize) &^ 0xffff
	}
}

// CheckMemory returns the problem of a guest whose memory is too small for the firmware, or nil.
func (f Firmware) CheckMemory(memory uint64) *Problem {
	switch {
	case memory < f.MinMemory():
		return &Problem{
			Severity: Error, Entry: -1,
			Message: fmt.Sprintf("%s needs %s of memory for itself, but the guest has %s, so the firmware fails or hangs without a message", f, mebibytes(f.MinMemory()), mebibytes(memory)),
			Remedy:  "give the guest at least 256 MiB; installers need several GiB",
		}
	case f == UnknownFirmware && memory < SeparateLoader.MinMemory():
		p := SeparateLoader.CheckMemory(memory)
		p.Severity = Warning
		return p
	}
	return nil
}

// CheckSize returns the problem of a kernel and an initrd, in bytes, that the firmware has no room
// for in a guest with this much memory, or nil. A size of 0 means that the size of the initrd is unknown.
func (f Firmware) CheckSize(kernel, initrd, memory uint64) *Problem {
	if f == UnknownFirmware {
		before, after := SeparateLoader.CheckSize(kernel, initrd, memory), Merged.CheckSize(kernel, initrd, memory)
		if before != nil && after != nil {
			return after
		}
		if before == nil {
			before = after
		}
		if before != nil {
			before.Severity = Warning
		}
		return before
	}
	room := f.MaxLoad(memory)
	size := (kernel+pageSize-1)&^(pageSize-1) + initrd
	if size <= room {
		return nil
	}
	p := &Problem{
		Severity: Error, Entry: -1, Field: keywordInitrd,
		Message: fmt.Sprintf("kernel and initrd need %d bytes, but %s has room for %d", size, f, room),
	}
	if kernel > room {
		p.Field = keywordKernel
	}
	if f == SeparateLoader {
		p.Message += ", regardless of the guest's memory"
		p.Remedy = "use a smaller initrd that fetches the rest itself, or a host with QEMU 9.2 or later"
		return p
	}
	p.Message += fmt.Sprintf(" in a guest with %s of memory", mebibytes(memory))
	p.Remedy = fmt.Sprintf("give the guest more memory, such as %s (at most 2 GiB count)", mebibytes(size+mergedSize+0xffff))
	return p
}

func mebibytes(size uint64) string {
	return fmt.Sprintf("%d MiB", (size+mebibyte-1)/mebibyte)
}

// boot returns the default entry, or else the first. A firmware with a menu takes a number in loadparm as the position of the
// entry in the file, counted from 1.
//
// QEMU pc-bios/s390-ccw/netmain.c net_select_and_load_kernel().
func (f Firmware) boot(c Config, loadparm string) (Entry, error) {
	if number := leadingNumber(loadparm); f == Menu && number > 0 {
		if number > len(c.Entries) {
			return Entry{}, fmt.Errorf("loadparm asks for entry %d of %d", number, len(c.Entries))
		}
		return c.Entries[number-1], nil
	}
	return libnetDefault(c), nil
}

// libnetDefault is the default entry, or else the first.
func libnetDefault(c Config) Entry {
	for _, e := range slices.Backward(c.Entries) { // of two entries with the same label, the last counts
		if c.Default != "" && e.Label == c.Default {
			return e
		}
	}
	return c.Entries[0]
}

// leadingNumber reads digits up to the first other character, as atol does.
func leadingNumber(text string) int {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	number, _ := strconv.Atoi(text[:digits]) // 0 if there are no digits
	return number
}

// The methods of a Reader.

func (f Firmware) read(text string) *reading { return readLibnet(text, f.entryLimits()) }

func (Firmware) check(c Config) []Problem { return checkLibnet(c, appendRules) }

func (f Firmware) limits(c Config) []Problem { return libnetLimits(c, f.entryLimits()) }

func (Firmware) text(c Config) string { return libnetText(c) }

// UUIDFileName is the function UUIDFileName.
func (Firmware) UUIDFileName(uuid string) (string, error) { return UUIDFileName(uuid) }

// UUIDOf returns the name, which is the UUID.
func (Firmware) UUIDOf(name string) string { return name }
