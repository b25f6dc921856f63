package loader

import (
	"debug/elf"
	"debug/pe"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// efi is the beginning of an EFI program with these sections.
func efi(machine uint16, sections ...string) []byte {
	head := make([]byte, 0x400)
	copy(head, "MZ")
	const at = 0x80
	binary.LittleEndian.PutUint32(head[headerAt:], at)
	copy(head[at:], "PE\x00\x00")
	binary.LittleEndian.PutUint16(head[at+machineAt:], machine)
	binary.LittleEndian.PutUint16(head[at+sectionsAt:], uint16(len(sections)))
	binary.LittleEndian.PutUint16(head[at+optionalAt:], 0x70)
	for i, name := range sections {
		copy(head[at+optionalHeader+0x70+i*sectionSize:], name)
	}
	return head
}

// shared is the beginning of a shared object.
func shared(class elf.Class, machine elf.Machine) []byte {
	head := make([]byte, 64)
	copy(head, elf.ELFMAG)
	head[elf.EI_CLASS] = byte(class)
	binary.LittleEndian.PutUint16(head[16:], uint16(elf.ET_DYN))
	binary.LittleEndian.PutUint16(head[18:], uint16(machine))
	return head
}

// with writes text into a file.
func with(head []byte, at int, text string) []byte {
	if missing := at + len(text) - len(head); missing > 0 {
		head = append(head, make([]byte, missing)...)
	}
	copy(head[at:], text)
	return head
}

func TestRecognize(t *testing.T) {
	pxelinux := func(banner string) []byte { return with([]byte{0xea, 0x24, 0x7c, 0, 0}, 3438, banner) }
	cut := efi(pe.IMAGE_FILE_MACHINE_AMD64, ".text", "mods")
	for name, test := range map[string]struct {
		head []byte
		want File
	}{
		"a text":                 {[]byte("404 page not found\n"), File{Kind: Text}},
		"XML":                    {[]byte("<?xml version=\"1.0\"?><a/>"), File{Kind: Text}},
		"a text on PXELINUX":     {[]byte("about\r\nPXELINUX 6.04 "), File{Kind: Text}},
		"a script":               {[]byte("#!ipxe\nchain pxelinux.0\n"), File{Kind: Script}},
		"a script of gPXE":       {[]byte("#!gpxe\n"), File{Kind: Script}},
		"PXELINUX 6":             {pxelinux("\r\nPXELINUX 6.04 PXE 20200816 "), File{Kind: PXELINUX, Major: "6"}},
		"lpxelinux":              {pxelinux("\r\nPXELINUX 6.03 lwIP 2014-10-06 "), File{Kind: PXELINUX, Major: "6"}},
		"PXELINUX 4":             {pxelinux("\r\nPXELINUX 4.05 20140113 "), File{Kind: PXELINUX, Major: "4"}},
		"ldlinux.c32":            {shared(elf.ELFCLASS32, elf.EM_386), File{Kind: Module}},
		"ldlinux.e64":            {shared(elf.ELFCLASS64, elf.EM_X86_64), File{Kind: Other}},
		"a library for arm":      {shared(elf.ELFCLASS32, elf.EM_ARM), File{Kind: Other}},
		"an EFI program":         {efi(pe.IMAGE_FILE_MACHINE_AMD64, ".text"), File{Kind: Other, EFI: arch.X86}},
		"for arm64":              {efi(pe.IMAGE_FILE_MACHINE_ARM64), File{Kind: Other, EFI: arch.AArch64}},
		"for 32 bits":            {efi(pe.IMAGE_FILE_MACHINE_I386), File{Kind: Other, EFI: "i386"}},
		"for RISC-V":             {efi(0x5064), File{Kind: Other, EFI: "machine type 0x5064"}},
		"byte code":              {efi(pe.IMAGE_FILE_MACHINE_EBC), File{Kind: Other, EFI: AnyMachine}},
		"GRUB":                   {efi(pe.IMAGE_FILE_MACHINE_ARM64, ".text", ".data", "mods"), File{Kind: GRUB, EFI: arch.AArch64}},
		"a shim":                 {with(efi(pe.IMAGE_FILE_MACHINE_AMD64), 0x88000, "\x00UEFI SHIM\n$Version: 16.1 $\n"), File{Kind: Shim, EFI: arch.X86}},
		"Linux for x86":          {with(efi(pe.IMAGE_FILE_MACHINE_AMD64), 0x202, "HdrS"), File{Kind: Other, EFI: arch.X86, BIOS: true}},
		"a program for DOS":      {with([]byte("MZ\x90"), 0x100, "\x00"), File{Kind: Other}},
		"a header out of bounds": {with([]byte("MZ\x90"), headerAt, "\xff\xff\xff\xff"), File{Kind: Other}},
		"cut in its sections":    {cut[:0x80+optionalHeader+0x70+sectionSize+4], File{Kind: Other, EFI: arch.X86}},
		"another file":           {[]byte{0x7f, 1, 2, 3}, File{Kind: Other}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Recognize(test.head); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// TestRecognizeReal recognizes the boot loaders of Debian.
func TestRecognizeReal(t *testing.T) {
	lab.Need(t)
	dir, err := lab.PXELINUX(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grub, err := lab.GRUB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]File{
		filepath.Join(dir, "pxelinux.0"):  {Kind: PXELINUX, Major: "6"},
		filepath.Join(dir, "ldlinux.c32"): {Kind: Module},
		grub:                              {Kind: GRUB, EFI: arch.X86},
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := Recognize(content[:min(len(content), HeadSize)]); got != want {
			t.Errorf("%s: got %+v, want %+v", file, got, want)
		}
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add(efi(pe.IMAGE_FILE_MACHINE_AMD64, "mods"))
	f.Add(shared(elf.ELFCLASS32, elf.EM_386))
	f.Fuzz(func(t *testing.T, head []byte) {
		if got := Recognize(head); got.Kind == Unread || strings.TrimSpace(got.String()) == "" {
			t.Errorf("got %+v", got)
		}
	})
}
