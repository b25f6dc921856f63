package lab

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// PCQEMU is the QEMU of this generation's hosts for x86_64 guests.
var PCQEMU = QEMU{Name: "installed", command: []string{"qemu-system-x86_64"}}

// pcDevices are the devices of a PC.
func (g *Guest) pcDevices(m Machine) []string {
	devices := g.biosDevices(m)
	if m.UEFI {
		devices = uefiDevices(m)
	}
	return append(devices,
		"-chardev", "file,id=probe,path="+g.probeFile(),
		"-device", "isa-debugcon,iobase=0xe9,chardev=probe",
	)
}

// uefiDevices are the devices of a guest with UEFI, which shows everything on its first serial port. Its network boot needs random
// numbers. It keeps no variables, so that each guest starts in the same way.
func uefiDevices(m Machine) []string {
	const firmware = "if=pflash,format=raw,unit=%d,file=/usr/share/OVMF/OVMF_%s_%s.fd,%s"
	machine, build := "q35", "4M"
	if m.Secure {
		machine, build = "q35,smm=on", "4M.ms"
	}
	return []string{
		"-machine", machine,
		"-m", cmp.Or(m.Memory, "256M"),
		"-drive", fmt.Sprintf(firmware, 0, "CODE", build, "readonly=on"),
		"-drive", fmt.Sprintf(firmware, 1, "VARS", build, "snapshot=on"),
		"-serial", "chardev:console",
		"-device", "virtio-rng-pci",
		"-device", cmp.Or(m.NIC, "virtio-net-pci,bootindex=1,romfile=") + ",netdev=net,mac=" + m.MAC,
	}
}

// biosDevices are the devices of a guest with a BIOS. What the BIOS, the network ROM and PXELINUX show on the screen goes to the
// console file through the second serial port, because PXELINUX writes to the first if its configuration has a serial line. With
// OneSerial, both go to the first, as for a guest of libvirt.
func (g *Guest) biosDevices(m Machine) []string {
	lines, screen := []string{"-chardev", "file,id=serial,path=" + g.serialFile(), "-serial", "chardev:serial"}, uint64(secondSerialPort)
	if m.OneSerial {
		lines, screen = nil, firstSerialPort
	}
	return append(lines,
		"-serial", "chardev:console",
		"-machine", "pc", "-vga", "std",
		"-m", cmp.Or(m.Memory, "64M"),
		"-fw_cfg", "name=etc/sercon-port,file="+g.screenPort(screen),
		"-device", cmp.Or(m.NIC, "virtio-net-pci,bootindex=1")+",netdev=net,mac="+m.MAC,
	)
}

const (
	firstSerialPort  = 0x3f8
	secondSerialPort = 0x2f8
)

func (g *Guest) serialFile() string { return filepath.Join(g.dir, "serial") }

func (g *Guest) probeFile() string { return filepath.Join(g.dir, "probe") }

// screenPort is a file with the address of a serial port, which SeaBIOS src/sercon.c reads.
func (g *Guest) screenPort(port uint64) string {
	name := filepath.Join(g.dir, "screen-port")
	_ = os.WriteFile(name, binary.LittleEndian.AppendUint64(nil, port), 0o644) // QEMU reports a missing file
	return name
}

// Serial returns what the guest wrote to its first serial port.
func (g *Guest) Serial() string {
	text, err := os.ReadFile(g.serialFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// The offsets at which an x86 kernel has what its loader needs, and what the loader passes to it.
//
// Linux Documentation/arch/x86/boot.rst.
const (
	pcSetupSectors = 0x1f1
	pcSize         = 0x1f4
	pcBootFlag     = 0x1fe
	pcJump         = 0x200
	pcMagic        = 0x202
	pcVersion      = 0x206
	pcLoadFlags    = 0x211
	pcEntry        = 0x214 // of GRUB, which starts a kernel in protected mode
	pcInitrd       = 0x218
	pcInitrdSize   = 0x21c
	pcCommandLine  = 0x228
	pcInitrdMax    = 0x22c
	pcAlignment    = 0x230
	pcLineSize     = 0x238
	pcAddress      = 0x258
	pcInitSize     = 0x260
	pcNumber       = 0x264 // the probe's number
	pcCode         = 0x268
	pcHeaderSize   = 0x280
)

// PCProbeKernel is a ProbeKernel for x86. It writes its header to a port of QEMU and powers the guest off. PXELINUX starts it in real
// mode, and GRUB in protected mode.
func PCProbeKernel(number uint16) []byte {
	return pcKernel(number, []byte{
		0xfc,       // cld
		0x31, 0xf6, // xor %si,%si
		0xba, 0xe9, 0x00, // mov $0xe9,%dx
		0xb9, 0x80, 0x02, // mov $pcHeaderSize,%cx
		0xf3, 0x6e, // rep outsb, from the header, which begins at %ds:0
		0xba, 0x04, 0x06, // mov $0x604,%dx, the power management control of QEMU's "pc"
		0xb8, 0x00, 0x20, // mov $0x2000,%ax, which powers off
		0xef,       // out %ax,%dx
		0xf4,       // hlt
		0xeb, 0xfd, // jmp to hlt
	}, []byte{
		0xfc,                         // cld
		0xba, 0xe9, 0x00, 0x00, 0x00, // mov $0xe9,%edx
		0xb9, 0x80, 0x02, 0x00, 0x00, // mov $pcHeaderSize,%ecx
		0xf3, 0x6e, // rep outsb, from the copy of the header, which is at %esi
		0xba, 0x04, 0x06, 0x00, 0x00, // mov $0x604,%edx, the power management control of QEMU's "q35" with OVMF
		0x66, 0xb8, 0x00, 0x20, // mov $0x2000,%ax, which powers off
		0x66, 0xef, // out %ax,%dx
		0xf4,       // hlt
		0xeb, 0xfd, // jmp to hlt
	})
}

// PCGreetingKernel is a kernel for x86 that writes a short text to the first serial port and waits. It is for tests that need a guest
// that boots, and not what it boots.
func PCGreetingKernel(text string) []byte {
	code := []byte{
		0xfc,       // cld
		0xbe, 0, 0, // mov $text,%si
		0xac,       // next: lodsb
		0x84, 0xc0, // test %al,%al
		0x74, 0x11, // jz end
		0x88, 0xc4, // mov %al,%ah
		0xba, 0xfd, 0x03, // mov $0x3fd,%dx, the line status
		0xec,       // wait: in %dx,%al
		0xa8, 0x20, // test $0x20,%al, whether the port takes a byte
		0x74, 0xfb, // jz wait
		0xb2, 0xf8, // mov $0xf8,%dl
		0x88, 0xe0, // mov %ah,%al
		0xee,       // out %al,%dx
		0xeb, 0xea, // jmp next
		0xfa,       // end: cli
		0xf4,       // hlt
		0xeb, 0xfc, // jmp end
	}
	binary.LittleEndian.PutUint16(code[2:], uint16(pcCode+len(code)))
	return pcKernel(0, append(append(code, text...), 0), nil)
}

// pcKernel is a kernel with this code for real mode, which has at most 400 bytes, and for protected mode. Its header has the same
// largest size of a command line as Linux.
func pcKernel(number uint16, code, protected []byte) []byte {
	const sector = 512
	kernel := make([]byte, 3*sector) // a boot sector, a setup sector, and the part for protected mode
	little := binary.LittleEndian
	kernel[pcSetupSectors] = 1
	little.PutUint32(kernel[pcSize:], sector/16)
	little.PutUint16(kernel[pcBootFlag:], 0xaa55)
	copy(kernel[pcJump:], []byte{0xeb, pcCode - pcJump - 2}) // jmp pcCode
	copy(kernel[pcMagic:], "HdrS")
	little.PutUint16(kernel[pcVersion:], 0x20a)
	kernel[pcLoadFlags] = 1 // the rest of the kernel is loaded at 0x100000
	little.PutUint32(kernel[pcEntry:], 0x100000)
	little.PutUint32(kernel[pcInitrdMax:], 0x7fffffff)
	little.PutUint32(kernel[pcAlignment:], 4096)
	little.PutUint32(kernel[pcLineSize:], 2047)
	little.PutUint64(kernel[pcAddress:], 0x100000)
	little.PutUint32(kernel[pcInitSize:], 1<<20)
	little.PutUint16(kernel[pcNumber:], number)
	copy(kernel[pcCode:], code)
	copy(kernel[2*sector:], protected)
	return kernel
}

// probePC is Probe for an x86_64 guest.
func (g *Guest) probePC() (probe Probe, ran bool, err error) {
	header, err := os.ReadFile(g.probeFile())
	if err != nil || len(header) < pcHeaderSize {
		return Probe{}, false, err
	}
	little := binary.LittleEndian
	text, err := g.Memory(uint64(little.Uint32(header[pcCommandLine:])), 4096)
	if err != nil {
		return Probe{}, false, err
	}
	text, _, _ = bytes.Cut(text, []byte{0})
	size := uint64(little.Uint32(header[pcInitrdSize:]))
	probe = Probe{Number: little.Uint16(header[pcNumber:]), CommandLine: string(text), InitrdSize: size}
	if size > 0 {
		probe.Initrd, err = g.Memory(uint64(little.Uint32(header[pcInitrd:])), min(size, 4096))
	}
	return probe, true, err
}

// PXELINUX returns a directory with pxelinux.0 and ldlinux.c32. The first call on a machine downloads Debian's packages (1.4 MB)
// from the machine's own apt sources. The files then stay in the cache until the directory is removed.
func PXELINUX(ctx context.Context) (string, error) {
	dir, err := cachedDir(ctx, "pxelinux", downloadPXELINUX)
	if err != nil {
		return "", fmt.Errorf("unable to get PXELINUX: %w", err)
	}
	return dir, nil
}

func downloadPXELINUX(ctx context.Context, dir string) error {
	apt, err := newPrivateApt()
	if err != nil {
		return err
	}
	packages := []string{"pxelinux", "syslinux-common"}
	return apt.copy(ctx, dir, "PXELINUX", packages, "usr/lib/PXELINUX/pxelinux.0", "usr/lib/syslinux/modules/bios/ldlinux.c32")
}
