// Package loader recognizes boot loaders by their content.
package loader

import (
	"bytes"
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// HeadSize is how many bytes of a file Recognize needs: a shim has its mark at 0x88000 (measured with 15.8 and 16.1).
const HeadSize = 1 << 20

// Kind is what a file is.
type Kind string

// Kinds of files.
const (
	Unread   Kind = ""         // its content is not known
	Text     Kind = "text"     // no program
	Script   Kind = "script"   // of iPXE, which network cards of QEMU have
	PXELINUX Kind = "pxelinux" // also lpxelinux.0
	Module   Kind = "module"   // of SYSLINUX 5 and later for a BIOS, such as ldlinux.c32, which does not name its release
	Shim     Kind = "shim"     // for UEFI
	GRUB     Kind = "grub"     // for UEFI
	Other    Kind = "other"    // any other file, such as another boot loader or a kernel
)

// File is what is known of a file that a guest may load.
type File struct {
	Kind  Kind   `json:"kind"`
	EFI   string `json:"efi,omitempty"`   // architecture of an EFI program, by libvirt's name, or machine type in hexadecimal digits
	BIOS  bool   `json:"bios,omitempty"`  // a BIOS may boot it, although it is an EFI program: a kernel for x86
	Major string `json:"major,omitempty"` // release of PXELINUX, such as 6 for 6.04
}

// String says what a file is, for messages.
func (f File) String() string {
	switch {
	case f.Kind == Text:
		return "a text file"
	case f.Kind == Script:
		return "a script of iPXE"
	case f.Kind == PXELINUX:
		return "PXELINUX, a boot loader for a BIOS"
	case f.Kind == Module:
		return "a module of SYSLINUX for a BIOS"
	case f.Kind == Shim:
		return "a shim, an EFI program for " + f.EFI
	case f.Kind == GRUB:
		return "GRUB, an EFI program for " + f.EFI
	case f.EFI != "":
		return "an EFI program for " + f.EFI
	default:
		return "in another format"
	}
}

// Recognize tells what a file is by its first bytes.
func Recognize(head []byte) File {
	switch {
	case bytes.HasPrefix(head, []byte("#!ipxe")), bytes.HasPrefix(head, []byte("#!gpxe")):
		return File{Kind: Script}
	case strings.HasPrefix(http.DetectContentType(head), "text/"):
		return File{Kind: Text}
	case isModule(head):
		return File{Kind: Module}
	}
	if machine := EFIMachine(head); machine != pe.IMAGE_FILE_MACHINE_UNKNOWN {
		return File{Kind: kindOfEFI(head), EFI: nameOf(machine), BIOS: arch.Of(arch.X86).Kernel.In(head)}
	}
	if banner := pxelinuxBanner().FindSubmatch(head); banner != nil {
		return File{Kind: PXELINUX, Major: string(banner[1])}
	}
	return File{Kind: Other}
}

// pxelinuxBanner matches what PXELINUX prints first: syslinux core/pxelinux.asm syslinux_banner. The rest of the file can be packed.
var pxelinuxBanner = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\r\nPXELINUX (\d+)\.\d+`) })

// isModule tells whether a file is a shared object for 32-bit x86. The modules for UEFI have the same names and other forms:
// ldlinux.e32 is for 32-bit UEFI, ldlinux.e64 has 64 bits.
func isModule(head []byte) bool {
	const typeAt, machineAt = 16, 18
	return len(head) > machineAt+2 && bytes.HasPrefix(head, []byte(elf.ELFMAG)) && head[elf.EI_CLASS] == byte(elf.ELFCLASS32) &&
		elf.Type(binary.LittleEndian.Uint16(head[typeAt:])) == elf.ET_DYN &&
		elf.Machine(binary.LittleEndian.Uint16(head[machineAt:])) == elf.EM_386
}

// kindOfEFI tells boot loaders from other EFI programs. A shim has its name in the section .data.ident: shim version.c.in. An image of
// GRUB has its modules in a section of its own: grub util/grub-mkimagexx.c.
func kindOfEFI(head []byte) Kind {
	switch {
	case bytes.Contains(head, []byte("\x00UEFI SHIM\n$Version:")):
		return Shim
	case hasSection(head, "mods"):
		return GRUB
	default:
		return Other
	}
}

// The header of an EFI program: "Microsoft Portable Executable and Common Object File Format Specification".
const (
	headerAt       = 0x3c // offset of the offset of the header
	machineAt      = 4    // offsets in the header
	sectionsAt     = 6
	optionalAt     = 20
	optionalHeader = 24
	sectionSize    = 40
)

// header is the header of an EFI program; nil if the file is none.
func header(head []byte) []byte {
	if len(head) < headerAt+4 || !bytes.HasPrefix(head, []byte("MZ")) {
		return nil
	}
	at := int64(binary.LittleEndian.Uint32(head[headerAt:]))
	if at > int64(len(head)-optionalHeader) || !bytes.HasPrefix(head[at:], []byte("PE\x00\x00")) {
		return nil
	}
	return head[at:]
}

// EFIMachine is the machine type of an EFI program; unknown if the file is none.
func EFIMachine(head []byte) uint16 {
	found := header(head)
	if found == nil {
		return pe.IMAGE_FILE_MACHINE_UNKNOWN
	}
	return binary.LittleEndian.Uint16(found[machineAt:])
}

// hasSection tells whether an EFI program has a section with this name.
func hasSection(head []byte, name string) bool {
	found := header(head)
	sections := int(binary.LittleEndian.Uint16(found[sectionsAt:]))
	at := optionalHeader + int(binary.LittleEndian.Uint16(found[optionalAt:]))
	for range sections {
		if len(found) < at+sectionSize {
			return false
		}
		if string(bytes.TrimRight(found[at:at+8], "\x00")) == name {
			return true
		}
		at += sectionSize
	}
	return false
}

// nameOf is the architecture of a machine type.
func nameOf(machine uint16) string {
	switch machine {
	case pe.IMAGE_FILE_MACHINE_AMD64:
		return arch.X86
	case pe.IMAGE_FILE_MACHINE_ARM64:
		return arch.AArch64
	case pe.IMAGE_FILE_MACHINE_I386:
		return "i386"
	case pe.IMAGE_FILE_MACHINE_EBC:
		return AnyMachine
	default:
		return fmt.Sprintf("machine type %#x", machine)
	}
}

// AnyMachine is the architecture of byte code, which firmware of any architecture may run.
const AnyMachine = "byte code"
