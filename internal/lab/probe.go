package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
)

// The offsets at which an s390x kernel has what its loader and the loader's user pass to it.
//
// Linux arch/s390/include/asm/setup.h, "struct parmarea".
const (
	kernelEntry       = 0x10000
	kernelMagic       = 0x10008
	initrdAddress     = 0x10408
	initrdSize        = 0x10410
	commandLine       = 0x10480
	commandLineLength = 896
)

// The offset of the probe's program status word, and the address in it without the number.
const (
	probeStatus  = 0x10040
	probeAddress = 0x7e570000
)

// ProbeEnd is the byte of a ProbeKernel after the command line. It shows if the command line has no NUL.
const ProbeEnd = '#'

// ProbeKernel is a kernel that only stops the guest. The stopped guest shows the kernel's number, and keeps
// everything that the firmware has loaded in its memory.
func ProbeKernel(number uint16) []byte {
	kernel := make([]byte, commandLine+commandLineLength+1)
	copy(kernel[kernelEntry:], []byte{
		0x0d, 0x10, // basr %r1,0
		0x82, 0x00, 0x10, 0x3e, // lpsw 0x3e(%r1), which is probeStatus
	})
	copy(kernel[kernelMagic:], "S390EP")
	status := uint64(0x000a0000_80000000 | probeAddress) // waits with interrupts disabled
	binary.BigEndian.PutUint64(kernel[probeStatus:], status|uint64(number))
	kernel[commandLine+commandLineLength] = ProbeEnd
	return kernel
}

// Probe is what a ProbeKernel was given.
type Probe struct {
	Number      uint16
	CommandLine string // up to its NUL
	Initrd      []byte // its first page
	InitrdSize  uint64
}

// BootProbe boots a machine that loads a ProbeKernel, and ends it. It also returns whether a probe ran, and what the console showed, or
// why the machine did not start.
func (h *Host) BootProbe(ctx context.Context, m Machine) (probe Probe, ran bool, console string, err error) {
	guest, err := h.Netboot(ctx, m)
	if err != nil {
		return Probe{}, false, err.Error(), nil //nolint:nilerr // a machine that does not start is a result
	}
	probe, ran, err = guest.Probe()
	return probe, ran, guest.Console(), errors.Join(err, guest.Close())
}

// Probe returns which ProbeKernel has run. No kernel has run if the firmware gave up.
func (g *Guest) Probe() (probe Probe, ran bool, err error) {
	if g.gaveUp {
		return Probe{}, false, nil
	}
	switch g.arch {
	case "x86_64":
		return g.probePC()
	case "ppc64le":
		return g.probePSeries()
	case "aarch64":
		return g.probeArm()
	}
	const addressingMode = 0x80000000 // QEMU 7.2 reads this as a bit of the address
	if g.Address&^(addressingMode|0xffff) != probeAddress {
		return Probe{}, false, nil
	}
	text, err := g.Memory(commandLine, commandLineLength+1)
	if err != nil {
		return Probe{}, false, err
	}
	fields, err := g.Memory(initrdAddress, 16)
	if err != nil {
		return Probe{}, false, err
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	size := binary.BigEndian.Uint64(fields[initrdSize-initrdAddress:])
	probe = Probe{Number: uint16(g.Address), CommandLine: string(text), InitrdSize: size}
	if size > 0 {
		probe.Initrd, err = g.Memory(binary.BigEndian.Uint64(fields), min(size, 4096))
	}
	return probe, true, err
}
