package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// SLOF gives Linux no command line that it has read from a configuration (pxelinux/slof.go). So a command line is written into the
// published kernel, with a program that runs before the kernel and sets it as the property bootargs of the device /chosen, where
// Linux reads it. Their place is the end of the space that the linker leaves in the file before the kernel's code.
//
// IEEE 1275, "Client interface": a call has the name of a service, the numbers of arguments and results, arguments and results,
// each of 32 bits.
const (
	powerSize = 0x1000 // of the program, with all that follows here; the kernel's code is after it

	powerFind    = 0x100 // the call of finddevice
	powerSet     = 0x120 // the call of setprop
	powerNames   = 0x140 // what the calls name
	powerChosen  = powerNames + 0x10
	powerSetprop = powerNames + 0x18
	powerArgs    = powerNames + 0x20
	powerLine    = 0x200 // the command line, with its NUL

	// largestPowerLine is what Linux reads. Linux arch/powerpc/include/uapi/asm/setup.h: "#define COMMAND_LINE_SIZE 2048", with
	// the NUL.
	largestPowerLine = 2047
)

// Registers of the program. The firmware changes those below 13, except 1 and 2. Linux needs 3 to 7 as the firmware sets them.
const (
	saved3 = 26 + iota
	saved4
	firmware // where the program calls the firmware; the kernel's register 5
	saved6
	saved7
	here // where the program is
)

// powerProgram is the program. SLOF starts a little-endian kernel from the network in that byte order, and a kernel that QEMU has
// loaded in the other, in which SLOF must be called. Linux accepts both, and the modes of 32 and of 64 bits.
//
// SLOF slof/entry.S: call_client, swap_ci_regs. Linux arch/powerpc/include/asm/ppc_asm.h: FIXUP_ENDIAN.
var powerProgram = slices.Concat(
	words(binary.BigEndian,
		0x08000048, // tdi 0,0,0x48, which does nothing; in the other byte order b .+8
		0x48000024, // b .+0x24
	),
	words(binary.LittleEndian,
		0x429f0005, // bcl 20,31,.+4
		0x7d4802a6, // mflr r10
		0x394a001c, // addi r10,r10,0x1c: what follows these words
		0x7d5a03a6, // mtsrr0 r10
		0x7d4000a6, // mfmsr r10
		0x694a0001, // xori r10,r10,1: the byte order
		0x7d5b03a6, // mtsrr1 r10
		0x4c000024, // rfid
	),
	words(binary.BigEndian,
		0x429f0005, // bcl 20,31,.+4
		0x7fe802a6, // mflr here
		add(here, here, -0x2c),
		add(saved3, 3, 0),
		add(saved4, 4, 0),
		add(firmware, 5, 0),
		add(saved6, 6, 0),
		add(saved7, 7, 0),
		0x39a00000, // li r13,0: SLOF returns to a caller with 1 in the other byte order

		add(4, here, powerNames), store(powerFind),
		add(4, here, powerChosen), store(powerFind+12),
		add(3, here, powerFind), callFirmware, branch,
		0x809f0000|powerFind+16, // lwz r4,powerFind+16(here): the device
		store(powerSet+12),
		add(4, here, powerSetprop), store(powerSet),
		add(4, here, powerArgs), store(powerSet+16),
		add(4, here, powerLine), store(powerSet+20),
		add(3, here, powerSet), callFirmware, branch,

		add(3, saved3, 0),
		add(4, saved4, 0),
		add(5, firmware, 0),
		add(6, saved6, 0),
		add(7, saved7, 0),
		add(12, here, powerSize), // the kernel
		0x7d8903a6,               // mtctr r12
		0x4e800420,               // bctr
	),
)

const (
	callFirmware = 0x7f8903a6 // mtctr firmware
	branch       = 0x4e800421 // bctrl
)

// add is the instruction addi.
func add(to, from, value int) uint32 {
	return 0x38000000 | uint32(to)<<21 | uint32(from)<<16 | uint32(uint16(value))
}

// store is the instruction stw of register 4 into a part of the program.
func store(at int) uint32 { return 0x90800000 | here<<16 | uint32(at) }

// words are instructions and numbers in a byte order.
func words(order binary.AppendByteOrder, values ...uint32) []byte {
	var content []byte
	for _, value := range values {
		content = order.AppendUint32(content, value)
	}
	return content
}

// powerPart is the program with a command line.
func powerPart(cmdline string) []byte {
	part := make([]byte, powerSize)
	copy(part, powerProgram)
	copy(part[powerFind:], words(binary.BigEndian, 0, 1, 1))
	copy(part[powerSet:], words(binary.BigEndian, 0, 4, 1, 0, 0, 0, uint32(len(cmdline)+1)))
	for at, name := range map[int]string{powerNames: "finddevice", powerChosen: "/chosen", powerSetprop: "setprop", powerArgs: "bootargs"} {
		copy(part[at:], name)
	}
	copy(part[powerLine:], cmdline)
	return part
}

// carry writes the program and the command line before the kernel's code, and makes them a part of what is loaded.
func (f *powerELF) carry(cmdline string) error {
	if err := CheckCommandLine(cmdline); err != nil {
		return err
	}
	if _, found := f.commandLine(); found {
		return errCarries
	}
	if f.bootsAsItIs() {
		return errors.New("only a vmlinux can carry a command line, and this is another kind of kernel or was published before; give the vmlinux")
	}
	kernel, tables := f.loads[0], elfHeaderSize+uint64(f.Phnum)*elfSegment
	if kernel.Off < tables+powerSize || kernel.Off > uint64(len(f.head)) || !isFree(f.head[tables:kernel.Off]) {
		return fmt.Errorf("the kernel cannot carry a command line: the space for it before %#x is in use, unlike in all known Linux kernels; give another kernel", kernel.Off)
	}
	copy(f.head[kernel.Off-powerSize:], powerPart(cmdline))
	kernel.Off -= powerSize
	kernel.Filesz += powerSize
	kernel.Memsz += powerSize
	f.load(kernel, slofAddress+0x10000-powerSize) // Linux is then at a multiple of its largest page size, 64 KiB
	return nil
}

// commandLine returns the command line that carry wrote into the kernel.
func (f *powerELF) commandLine() (cmdline string, found bool) {
	if len(f.loads) != 1 || f.loads[0].Off > uint64(len(f.head)) {
		return "", false
	}
	part := f.head[f.loads[0].Off:]
	if len(part) < powerSize || !bytes.HasPrefix(part, powerProgram) {
		return "", false
	}
	text, _, ended := bytes.Cut(part[powerLine:powerSize], []byte{0})
	return string(text), ended
}
