package lab

import (
	"bytes"
	"cmp"
	"encoding/binary"
)

// PSeriesQEMU is the QEMU of this generation's hosts for ppc64le guests, with its firmware, SLOF.
var PSeriesQEMU = QEMU{Name: "installed", command: []string{"qemu-system-ppc64"}}

func pseriesDevices(m Machine) []string {
	return []string{
		"-machine", "pseries",
		"-m", cmp.Or(m.Memory, "512M"),
		"-device", "spapr-vty,chardev=console",
		"-device", cmp.Or(m.NIC, "virtio-net-pci,bootindex=1") + ",netdev=net,mac=" + m.MAC,
	}
}

// The parts of a probe for ppc64le: code, and data for it. The probe is at pseriesAddress in the guest's memory.
const (
	pseriesAddress = 0x400000
	pseriesSize    = 0x2000

	pseriesCode    = 0x100
	pseriesNames   = 0x300 // of the firmware's services and of properties
	pseriesFind    = 0x400 // calls of services
	pseriesLine    = 0x420
	pseriesStart   = 0x450
	pseriesEnd     = 0x480
	pseriesOff     = 0x4b0
	pseriesNumber  = 0x4e0
	pseriesDone    = 0x4e4 // not zero after the probe has run
	pseriesInitrd  = 0x4e8 // its address, and 8 bytes later the address of its end
	pseriesCommand = 0x1000
)

// PSeriesProbeKernel is a ProbeKernel for ppc64le guests: an ELF file that asks the firmware for the command line and the initrd,
// and powers the guest off.
//
// IEEE 1275, "Client interface": a call has the name of a service, the numbers of arguments and results, arguments and results.
func PSeriesProbeKernel(number uint16) []byte {
	kernel := make([]byte, pseriesSize)
	words := func(at int, values ...uint32) {
		for i, value := range values {
			binary.BigEndian.PutUint32(kernel[at+4*i:], value)
		}
	}
	name := func(at int, text string) uint32 {
		copy(kernel[at:], text)
		return pseriesAddress + uint32(at)
	}
	words(0, 0x7f454c46, 0x01020100) // ELF, 32 bits, big endian
	words(16, 0x00020014, 1, pseriesAddress+pseriesCode, 52, 0, 0, 0x00340020, 0x00010000)
	words(52, 1, 0, pseriesAddress, pseriesAddress, pseriesSize, pseriesSize, 7, 0x1000) // the only segment

	find, property := name(pseriesNames, "finddevice"), name(pseriesNames+0x10, "getprop")
	words(pseriesFind, find, 1, 1, name(pseriesNames+0x20, "/chosen"), 0)
	words(pseriesLine, property, 4, 1, 0, name(pseriesNames+0x30, "bootargs"), pseriesAddress+pseriesCommand, 0xfff, 0)
	words(pseriesStart, property, 4, 1, 0, name(pseriesNames+0x40, "linux,initrd-start"), pseriesAddress+pseriesInitrd, 8, 0)
	words(pseriesEnd, property, 4, 1, 0, name(pseriesNames+0x60, "linux,initrd-end"), pseriesAddress+pseriesInitrd+8, 8, 0)
	// QEMU include/hw/ppc/spapr.h: RTAS_POWER_OFF.
	words(pseriesOff, 0x2003, 2, 1, 0xffffffff, 0xffffffff, 0)
	words(pseriesNumber, uint32(number))

	code := []uint32{
		0x7cbf2b78, // mr r31,r5: the firmware's entry
		0x3fc00040, // lis r30,pseriesAddress
	}
	call := func(at uint32) {
		code = append(code, 0x387e0000|at, 0x7fe903a6, 0x4e800421) // addi r3,r30,at; mtctr r31; bctrl
	}
	call(pseriesFind)
	code = append(code, 0x809e0000|pseriesFind+16) // lwz r4,pseriesFind+16(r30): the device
	for _, at := range []uint32{pseriesLine, pseriesStart, pseriesEnd} {
		code = append(code, 0x909e0000|at+12) // stw r4,at+12(r30)
	}
	call(pseriesLine)
	call(pseriesStart)
	call(pseriesEnd)
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
	memory, err := g.Memory(pseriesAddress, pseriesSize)
	if err != nil {
		return Probe{}, false, err
	}
	word := func(at int) uint64 { return uint64(binary.BigEndian.Uint32(memory[at:])) }
	if word(pseriesDone) == 0 {
		return Probe{}, false, nil
	}
	text, _, _ := bytes.Cut(memory[pseriesCommand:], []byte{0})
	start, end := word(pseriesInitrd), word(pseriesInitrd+8)
	probe = Probe{Number: uint16(word(pseriesNumber)), CommandLine: string(text), InitrdSize: end - start}
	if end > start {
		probe.Initrd, err = g.Memory(start, min(end-start, 4096))
	}
	return probe, true, err
}
