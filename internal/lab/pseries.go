package lab

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
)

// PSeriesQEMU is the QEMU of this generation's hosts for ppc64le guests, with its firmware, SLOF.
var PSeriesQEMU = QEMU{Name: "installed", command: []string{"qemu-system-ppc64"}}

// PSeriesKernel returns the path of the current ppc64le kernel of Debian 12, a vmlinux. The first call on a machine downloads its package
// (30 MB), as Kernel does.
func PSeriesKernel(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "kernel-ppc64le", downloadPSeriesKernel)
	if err != nil {
		return "", fmt.Errorf("unable to get a ppc64le kernel: %w", err)
	}
	return filepath.Join(dir, "vmlinux"), nil
}

func downloadPSeriesKernel(ctx context.Context, dir string) error {
	apt, err := newPrivateApt("APT::Architecture=ppc64el", "APT::Architectures=ppc64el")
	if err != nil {
		return err
	}
	defer apt.remove()
	if err := apt.useRelease("bookworm"); err != nil {
		return err
	}
	if _, err := apt.run(ctx, "apt-get", "update"); err != nil {
		return err
	}
	debianPackage, err := apt.kernelPackage(ctx, "linux-image-powerpc64le")
	if err != nil {
		return err
	}
	announce("Downloading Debian package %s for ppc64le", debianPackage)
	if err := apt.unpack(ctx, apt.dir, debianPackage); err != nil {
		return err
	}
	return copyTo(filepath.Join(dir, "vmlinux"), filepath.Join(apt.dir, "boot", strings.Replace(debianPackage, "linux-image", "vmlinux", 1)))
}

func pseriesDevices(m Machine) []string {
	return []string{
		"-machine", "pseries",
		"-m", cmp.Or(m.Memory, "512M"),
		"-device", "spapr-vty,chardev=console",
		"-device", cmp.Or(m.NIC, "virtio-net-pci,bootindex=1") + ",netdev=net,mac=" + m.MAC,
	}
}

// The parts of a probe for ppc64le: code, and data for it.
const (
	pseriesAddress = 0x400000
	pseriesSize    = 0x2000

	pseriesCode    = 0x100
	pseriesNames   = 0x400 // of the firmware's services and of properties
	pseriesFind    = 0x500 // calls of services
	pseriesLine    = 0x520
	pseriesStart   = 0x550
	pseriesEnd     = 0x580
	pseriesOff     = 0x5b0
	pseriesNumber  = 0x5e0
	pseriesDone    = 0x5e4 // after the probe has run, its address
	pseriesInitrd  = 0x5e8 // its address, and 8 bytes later the address of its end
	pseriesCommand = 0x1000
)

// pseriesAddresses are the addresses at which a probe can be in the guest's memory: as its header says, after the program that
// sets a command line, and where QEMU loads both.
var pseriesAddresses = []uint64{pseriesAddress, pseriesAddress + 0x10000, 2 * pseriesAddress, 2*pseriesAddress + 0x10000}

// PSeriesProbeKernel is a ProbeKernel for ppc64le guests: an ELF file that asks the firmware for the command line and the initrd,
// and powers the guest off.
func PSeriesProbeKernel(number uint16) []byte {
	kernel := pseriesProbe(number)
	words := bigEndianWords(kernel)
	words(0, 0x7f454c46, 0x01020100) // ELF, 32 bits, big endian
	words(16, 0x00020014, 1, pseriesAddress+pseriesCode, 52, 0, 0, 0x00340020, 0x00010000)
	words(52, 1, 0, pseriesAddress, pseriesAddress, pseriesSize, pseriesSize, 7, 0x1000) // the only segment
	return kernel
}

// PSeriesVmlinux is a PSeriesProbeKernel with the header of a vmlinux, which SLOF does not boot: that of Debian's
// linux-image-6.1.0-50-powerpc64le. After the probe are the tables of sections, as in that file.
func PSeriesVmlinux(number uint16) []byte {
	const (
		begin = 0x10000
		end   = begin + pseriesSize
		link  = 0xc000000000000000
	)
	probe := pseriesProbe(number)
	bigEndianWords(probe)(0,
		0x08000048,                 // tdi 0,0,0x48, which does nothing; in the other byte order b .+8
		0x48000000|(pseriesCode-4), // b pseriesCode
		0x05009f42,                 // bcl 20,31,.+4, as the following words in the other byte order
		0xa602487d,                 // mflr r10
		0xf4004a39,                 // addi r10,r10,pseriesCode-0xc
		0xa6035a7d,                 // mtsrr0 r10
		0xa600407d,                 // mfmsr r10
		0x01004a69,                 // xori r10,r10,1: the byte order
		0xa6035b7d,                 // mtsrr1 r10
		0x2400004c,                 // rfid
	)
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_PPC64), Version: uint32(elf.EV_CURRENT), Flags: 2,
		Entry: link, Phoff: 64, Shoff: end, Ehsize: 64, Phentsize: 56, Phnum: 2, Shentsize: 64, Shnum: 2, Shstrndx: 1,
	}
	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: 7, Off: begin, Vaddr: link, Filesz: pseriesSize, Memsz: 2 * pseriesSize, Align: begin},
		{Type: uint32(elf.PT_NOTE), Off: begin + 0x800, Vaddr: link + 0x800, Paddr: 0x800, Filesz: 0x80, Memsz: 0x80, Align: 4},
	}
	kernel := make([]byte, end+2*64)
	copy(kernel[begin:], probe)
	_, _ = binary.Encode(kernel, binary.LittleEndian, header)
	_, _ = binary.Encode(kernel[64:], binary.LittleEndian, segments)
	return kernel
}

func bigEndianWords(kernel []byte) func(at int, values ...uint32) {
	return func(at int, values ...uint32) {
		for i, value := range values {
			binary.BigEndian.PutUint32(kernel[at+4*i:], value)
		}
	}
}

// pseriesProbe is the probe, which runs at any address, without a header.
//
// IEEE 1275, "Client interface": a call has the name of a service, the numbers of arguments and results, arguments and results.
func pseriesProbe(number uint16) []byte {
	kernel := make([]byte, pseriesSize)
	words := bigEndianWords(kernel)
	name := func(at int, text string) uint32 {
		copy(kernel[at:], text)
		return uint32(at)
	}
	find, property := name(pseriesNames, "finddevice"), name(pseriesNames+0x10, "getprop")
	words(pseriesFind, find, 1, 1, name(pseriesNames+0x20, "/chosen"), 0)
	words(pseriesLine, property, 4, 1, 0, name(pseriesNames+0x30, "bootargs"), pseriesCommand, 0xfff, 0)
	words(pseriesStart, property, 4, 1, 0, name(pseriesNames+0x40, "linux,initrd-start"), pseriesInitrd, 8, 0)
	words(pseriesEnd, property, 4, 1, 0, name(pseriesNames+0x60, "linux,initrd-end"), pseriesInitrd+8, 8, 0)
	// QEMU include/hw/ppc/spapr.h: RTAS_POWER_OFF.
	words(pseriesOff, 0x2003, 2, 1, 0xffffffff, 0xffffffff, 0)
	words(pseriesNumber, uint32(number))

	code := []uint32{
		0x7cbf2b78, // mr r31,r5: the firmware's entry
		0x429f0005, // bcl 20,31,.+4
		0x7fc802a6, // mflr r30
		0x3bde0000 | uint32(0x10000-(pseriesCode+8)), // addi r30,r30,-(pseriesCode+8): the probe
	}
	point := func(fields ...uint32) { // makes addresses of offsets in the probe
		for _, at := range fields {
			code = append(code, 0x809e0000|at, 0x7c84f214, 0x909e0000|at) // lwz r4,at(r30); add r4,r4,r30; stw r4,at(r30)
		}
	}
	call := func(at uint32) {
		code = append(code, 0x387e0000|at, 0x7fe903a6, 0x4e800421) // addi r3,r30,at; mtctr r31; bctrl
	}
	point(pseriesFind, pseriesFind+12)
	call(pseriesFind)
	properties := []uint32{pseriesLine, pseriesStart, pseriesEnd}
	for _, at := range properties {
		point(at, at+16, at+20)
		code = append(code, 0x809e0000|pseriesFind+16, 0x909e0000|at+12) // lwz r4,pseriesFind+16(r30): the device; stw r4,at+12(r30)
	}
	for _, at := range properties {
		call(at)
	}
	code = append(code,
		0x93de0000|pseriesDone, // stw r30,pseriesDone(r30)
		0x3c600000, 0x6063f000, // r3 = H_RTAS
		0x389e0000|pseriesOff, // addi r4,r30,pseriesOff
		0x44000022,            // sc 1
		0x48000000,            // b .
	)
	words(pseriesCode, code...)
	return kernel
}

// probePSeries is Probe for a ppc64le guest.
func (g *Guest) probePSeries() (probe Probe, ran bool, err error) {
	for _, address := range pseriesAddresses {
		memory, err := g.Memory(address, pseriesSize)
		if err != nil {
			return Probe{}, false, err
		}
		if uint64(binary.BigEndian.Uint32(memory[pseriesDone:])) == address {
			probe, err := g.readPSeries(memory)
			return probe, true, err
		}
	}
	return Probe{}, false, nil
}

// readPSeries reads what a probe that has run was given.
func (g *Guest) readPSeries(memory []byte) (probe Probe, err error) {
	word := func(at int) uint64 { return uint64(binary.BigEndian.Uint32(memory[at:])) }
	text, _, _ := bytes.Cut(memory[pseriesCommand:], []byte{0})
	start, end := word(pseriesInitrd), word(pseriesInitrd+8)
	probe = Probe{Number: uint16(word(pseriesNumber)), CommandLine: string(text), InitrdSize: end - start}
	if end > start {
		probe.Initrd, err = g.Memory(start, min(end-start, 4096))
	}
	return probe, err
}
