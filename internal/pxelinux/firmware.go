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
// Distributions move parts of it between releases, so IdentifyFirmware looks at the firmware itself.
//
// The firmware of ppc64le guests, SLOF, reads the same files by the same names, with the code that
// this firmware took from it. It has no limit on append and its own place for kernel and initrd.
type Firmware int

// The generations, oldest first.
const (
	// UnknownFirmware is one of the others. What fails on some of them only is a warning.
	UnknownFirmware Firmware = iota
	// SeparateLoader is that of QEMU 3.0 to 9.1: a second image, s390-netboot.img, does the netboot.
	SeparateLoader
	// Merged is that of QEMU 9.2 and 10.0: s390-ccw.img does all, at the top of the memory.
	Merged
	// Menu is that of QEMU 10.1 and later: a merged one with a boot menu and twice the entries.
	Menu
)

func (f Firmware) String() string {
	return [...]string{"unknown firmware", "the firmware of QEMU before 9.2", "the firmware of QEMU 9.2 and 10.0", "the firmware of QEMU 10.1 and later"}[f]
}

// IdentifyFirmware tells the generation by the content of the boot firmware, the file s390-ccw.img
// beside QEMU's other images.
//
// QEMU pc-bios/s390-ccw/netmain.c is a part of that image since 9.2, with SLOF's message of
// pxelinux_load_cfg(); net_select_and_load_kernel() has the heading of its menu since 10.1.
func IdentifyFirmware(s390ccw []byte) (Firmware, error) {
	switch {
	case !bytes.Contains(s390ccw, []byte("LOADPARM=[")):
		return UnknownFirmware, errors.New("this is no s390x boot firmware: it lacks the first words that one prints, LOADPARM=[")
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
	// hangs without a word (measured with QEMU 7.2: 121 MiB panic, 124 MiB hang, 125 MiB boot).
	loaderMemory = 125 * mebibyte

	// pageSize is what the initrd is aligned to.
	//
	// QEMU pc-bios/s390-ccw/netmain.c load_kernel_with_initrd(): "(rc + 0xfff) & ~0xfffUL".
	pageSize = 4096
)

// MinMemory is the least memory in bytes of a guest in which the firmware can netboot at all.
func (f Firmware) MinMemory() uint64 {
	if f == SeparateLoader {
		return loaderMemory
	}
	return mergedSize + mebibyte
}

// mergedSize is what the merged firmware takes at the top of the guest's memory.
//
// QEMU hw/s390x/ipl.c: "#define BIOS_MAX_SIZE 0x300000" since 9.2.
const mergedSize = 0x300000

// MaxLoad is the number of bytes that kernel and initrd together may have in a guest with so much
// memory, the initrd counted from the next multiple of 4096 behind the kernel.
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
			Message: fmt.Sprintf("%s needs %s of memory for itself, and the guest has %s; it fails or hangs without a word", f, mebibytes(f.MinMemory()), mebibytes(memory)),
			Remedy:  "give the guest at least 256 MiB; installers need some GiB",
		}
	case f == UnknownFirmware && memory < SeparateLoader.MinMemory():
		p := SeparateLoader.CheckMemory(memory)
		p.Severity = Warning
		return p
	}
	return nil
}

// CheckSize returns the problem of a kernel and an initrd, in bytes, that the firmware has no room
// for in a guest with so much memory, or nil. An initrd of 0 bytes is one whose size is not known.
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
		Message: fmt.Sprintf("kernel and initrd need %d bytes, and %s has room for %d", size, f, room),
	}
	if kernel > room {
		p.Field = keywordKernel
	}
	if f == SeparateLoader {
		p.Message += ", whatever memory the guest has"
		p.Remedy = "use a smaller initrd that fetches the rest itself, or a host with QEMU 9.2 or later"
		return p
	}
	p.Message += fmt.Sprintf(" in a guest with %s of memory", mebibytes(memory))
	p.Remedy = fmt.Sprintf("give the guest more memory, up to the 2 GiB that count, such as %s", mebibytes(size+mergedSize+0xffff))
	return p
}

func mebibytes(size uint64) string {
	return fmt.Sprintf("%d MiB", (size+mebibyte-1)/mebibyte)
}

// Boot returns the entry that the firmware boots: the one of the default, else the first. A
// firmware with a menu takes a number in loadparm for the place of the entry in the file, from 1.
//
// QEMU pc-bios/s390-ccw/netmain.c net_select_and_load_kernel().
func (c Config) Boot(f Firmware, loadparm string) (Entry, error) {
	if len(c.Entries) == 0 {
		return Entry{}, errors.New("there is no entry")
	}
	if number := leadingNumber(loadparm); f == Menu && number > 0 {
		if number > len(c.Entries) {
			return Entry{}, fmt.Errorf("loadparm asks for entry %d of %d", number, len(c.Entries))
		}
		return c.Entries[number-1], nil
	}
	for _, e := range slices.Backward(c.Entries) { // of two with one label, the last counts
		if c.Default != "" && e.Label == c.Default {
			return e, nil
		}
	}
	return c.Entries[0], nil
}

// leadingNumber reads digits up to what is none, as atol does.
func leadingNumber(text string) int {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	number, _ := strconv.Atoi(text[:digits]) // 0 where there are none
	return number
}
