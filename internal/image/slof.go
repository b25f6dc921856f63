package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// SLOF, the firmware of ppc64le guests, loads a kernel to the addresses in its ELF header. It refuses a vmlinux, whose virtual
// addresses are those of the running kernel and whose physical addresses begin at 0, where SLOF itself is. So the header of a
// published vmlinux has another address. Linux runs there: it always copies itself to address 0, because QEMU and other boot
// loaders do not load it there either.
//
// SLOF lib/libelf/elf64.c elf_load_segments64(): "VirtAddr(%lx) != PhysAddr(%lx) not supported, aborting", slof/fs/elf.fs
// elf-claim-segment: "Memory for ELF file is already in use!". Linux arch/powerpc/kernel/head_64.S __after_prom_start.
const slofAddress = 0x400000

// Offsets in an ELF header of 64 bits, and sizes.
const (
	elfEntry      = 24
	elfSections   = 40 // offset of the table of sections
	elfCounts     = 56 // of segments and sections
	elfHeaderSize = 64
	elfSegment    = 56 // size of the description of a segment
)

// powerELF is the beginning of an ELF file, as far as SLOF reads it.
type powerELF struct {
	elf.Header64              // also of a file with 32 bits
	loads        []elf.Prog64 // the segments that are loaded
	class        elf.Class    // 32 or 64 bits
	order        elf.Data     // of bytes
	machine      elf.Machine  // for which the file is
	head         []byte       // of the file, with its tables
}

// parsePower reads the header of an ELF file and the table of its segments.
func parsePower(head []byte) (*powerELF, error) {
	if len(head) < elfHeaderSize {
		return nil, errors.New("it ends in its ELF header; check that the source is complete")
	}
	f := &powerELF{class: elf.Class(head[elf.EI_CLASS]), order: elf.Data(head[elf.EI_DATA]), head: head}
	if f.class == elf.ELFCLASS32 {
		var h elf.Header32
		f.decode(0, &h)
		f.Header64 = elf.Header64{Machine: h.Machine, Entry: uint64(h.Entry), Phoff: uint64(h.Phoff), Phentsize: h.Phentsize, Phnum: h.Phnum}
	} else {
		f.decode(0, &f.Header64)
	}
	f.machine = elf.Machine(f.Machine)
	for i := range uint64(f.Phnum) {
		segment, err := f.segment(f.Phoff + i*uint64(f.Phentsize))
		if err != nil {
			return nil, err
		}
		if segment.Type == uint32(elf.PT_LOAD) {
			f.loads = append(f.loads, segment)
		}
	}
	return f, nil
}

// segment reads an entry of the table of segments.
func (f *powerELF) segment(at uint64) (elf.Prog64, error) {
	if at > uint64(len(f.head)-elfSegment) {
		return elf.Prog64{}, errors.New("its table of segments is not at its beginning; check that the source is a kernel")
	}
	var segment elf.Prog64
	if f.class == elf.ELFCLASS32 {
		var s elf.Prog32
		f.decode(at, &s)
		segment = elf.Prog64{Type: s.Type, Off: uint64(s.Off), Vaddr: uint64(s.Vaddr), Paddr: uint64(s.Paddr), Filesz: uint64(s.Filesz), Memsz: uint64(s.Memsz)}
	} else {
		f.decode(at, &segment)
	}
	return segment, nil
}

// decode reads a structure, for which the caller has made sure that there are enough bytes.
func (f *powerELF) decode(at uint64, into any) {
	var order binary.ByteOrder = binary.BigEndian
	if f.order == elf.ELFDATA2LSB {
		order = binary.LittleEndian
	}
	_, _ = binary.Decode(f.head[at:], order, into)
}

// bootsAsItIs tells whether SLOF loads the segments to the addresses in the file: those of a zImage, which contains a compressed
// vmlinux, and of a published vmlinux.
func (f *powerELF) bootsAsItIs() bool {
	for _, load := range f.loads {
		if load.Vaddr != load.Paddr {
			return false
		}
	}
	return true
}

const remedyPower = "give the vmlinux of the ppc64le port (Debian: ppc64el)"

// checkPowerKernel refuses an ELF file that SLOF does not boot, even after forSLOF.
//
// Linux arch/powerpc/kernel/vmlinux.lds.S: "PHDRS { text PT_LOAD FLAGS(7); note PT_NOTE FLAGS(0); }". Kernels of 64 bits with the
// other byte order are for the same machines. A zImage with 32 bits can contain a kernel with 64.
func checkPowerKernel(head []byte) error {
	f, err := parsePower(head)
	switch {
	case err != nil:
		return err
	case f.machine != elf.EM_PPC64 && f.machine != elf.EM_PPC:
		return fmt.Errorf("it is an ELF file for another architecture (%s); %s", strings.TrimPrefix(f.machine.String(), "EM_"), remedyPower)
	case f.class == elf.ELFCLASS64 && f.order != elf.ELFDATA2LSB:
		return fmt.Errorf("it is a big-endian kernel (ppc64); %s", remedyPower)
	case len(f.loads) == 0:
		return fmt.Errorf("it is an ELF file without a segment to load, perhaps a module; %s", remedyPower)
	case f.bootsAsItIs():
		return nil
	case f.class == elf.ELFCLASS32:
		return fmt.Errorf("it is a kernel with 32 bits; %s", remedyPower)
	case len(f.loads) > 1 || f.Phoff != elfHeaderSize || f.Phentsize != elfSegment:
		return fmt.Errorf("it has %d segments to load and a table of segments at %#x, unlike all known Linux kernels; %s", len(f.loads), f.Phoff, remedyPower)
	case f.Entry != f.loads[0].Vaddr:
		return fmt.Errorf("its entry is not at its beginning, unlike in all known Linux kernels; %s", remedyPower)
	default:
		return nil
	}
}

// forSLOF returns a reader of a ppc64le kernel that SLOF boots, with this command line if there is one. It has the size of the
// original. Without a command line, a kernel that SLOF boots as it is stays as it is.
func forSLOF(kernel io.Reader, cmdline *string) (io.Reader, error) {
	head := make([]byte, headSize)
	n, err := io.ReadFull(kernel, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	head = head[:n]
	if err := CheckKernelOf(arch.PPC64LE, head); err != nil {
		return nil, err
	}
	f, err := parsePower(head)
	switch {
	case err != nil:
		return nil, err
	case cmdline != nil:
		err = f.carry(*cmdline)
	case !f.bootsAsItIs():
		f.load(f.loads[0], slofAddress)
	}
	return io.MultiReader(bytes.NewReader(head), kernel), err
}

// load writes a segment as the only one, which is loaded to an address and entered there. There are no sections: their
// addresses would be wrong.
func (f *powerELF) load(segment elf.Prog64, address uint64) {
	little := binary.LittleEndian
	table := f.head[elfHeaderSize:][:int(f.Phnum)*elfSegment]
	little.PutUint64(f.head[elfEntry:], address)
	little.PutUint64(f.head[elfSections:], 0)
	copy(f.head[elfCounts:], []byte{1, 0, 0, 0, 0, 0, 0, 0})
	segment.Vaddr, segment.Paddr = address, address
	clear(table)
	_, _ = binary.Encode(table, little, segment)
}
