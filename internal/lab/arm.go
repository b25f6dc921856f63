package lab

import (
	"cmp"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf16"
)

// ArmQEMU is the QEMU of this generation's hosts for aarch64 guests.
var ArmQEMU = QEMU{Name: "installed", command: []string{"qemu-system-aarch64"}}

// armDevices are the devices of an aarch64 guest, which has UEFI.
func armDevices(m Machine) []string {
	const firmware = "if=pflash,format=raw,unit=%d,file=/usr/share/AAVMF/AAVMF_%s.fd,%s"
	return []string{
		"-machine", "virt", "-cpu", "max",
		"-m", cmp.Or(m.Memory, "512M"),
		"-drive", fmt.Sprintf(firmware, 0, "CODE", "readonly=on"),
		"-drive", fmt.Sprintf(firmware, 1, "VARS", "snapshot=on"),
		"-serial", "chardev:console",
		"-device", "virtio-rng-pci",
		"-device", cmp.Or(m.NIC, "virtio-net-pci,bootindex=1,romfile=") + ",netdev=net,mac=" + m.MAC,
	}
}

// The parts of a probe for aarch64, an EFI program with the mark of a kernel.
const (
	armHeader  = 0x80
	armCode    = 0x1000 // offset in the file and in memory
	armSize    = 0x2000
	armText    = armCode + 0x100
	armLoaded  = armCode + 0x200 // the GUID of the protocol that has the command line
	armNewline = armCode + 0x280
)

// ArmProbeKernel is a ProbeKernel for aarch64. It writes its number and its command line to the console, and powers the guest off.
//
// Unified Extensible Firmware Interface Specification: "EFI System Table", "EFI_LOADED_IMAGE_PROTOCOL".
func ArmProbeKernel(number uint16) []byte {
	const x0, x1, x2, x3, x19, x20, sp, zero = 0, 1, 2, 3, 19, 20, 31, 31
	const bootServices, runtimeServices, console, handleProtocol, outputString, resetSystem, loadOptions = 96, 88, 64, 152, 8, 104, 56
	var code []uint32
	add := func(instructions ...uint32) { code = append(code, instructions...) }
	load := func(to, from, offset uint32) { add(0xf9400000 | offset/8<<10 | from<<5 | to) } // ldr to, [from, offset]
	call := func(function uint32) { add(0xd63f0000 | function<<5) }                         // blr function
	address := func(to, place uint32) {                                                     // adr to, place
		distance := place - armCode - uint32(4*len(code))
		add(0x10000000 | distance&3<<29 | distance>>2&0x7ffff<<5 | to)
	}
	move := func(to, from uint32) { add(0xaa0003e0 | from<<16 | to) } // mov to, from
	show := func() {
		load(x0, x19, console)
		load(x2, x0, outputString)
		call(x2)
	}
	move(x19, x1)
	add(0xd10043ff) // sub sp, sp, 16
	load(x3, x1, bootServices)
	load(x3, x3, handleProtocol)
	address(x1, armLoaded)
	add(0x910003e2) // mov x2, sp
	call(x3)
	load(x20, sp, 0)
	address(x1, armText)
	show()
	load(x1, x20, loadOptions)
	show()
	address(x1, armNewline)
	show()
	load(x3, x19, runtimeServices)
	load(x3, x3, resetSystem)
	add(0xd2800040) // mov x0, 2: power off
	move(x1, zero)
	move(x2, zero)
	call(x3)
	add(0x14000000) // b .

	kernel := armImage()
	for i, instruction := range code {
		binary.LittleEndian.PutUint32(kernel[armCode+4*i:], instruction)
	}
	copy(kernel[armText:], wide(fmt.Sprintf("\r\nPROBE %d: ", number)))
	copy(kernel[armLoaded:], "\xa1\x31\x1b\x5b\x62\x95\xd2\x11\x8e\x3f\x00\xa0\xc9\x69\x72\x3b")
	copy(kernel[armNewline:], wide(" END\r\n"))
	return kernel
}

// wide is a text as the firmware prints it.
func wide(text string) (bytes []byte) {
	for _, unit := range append(utf16.Encode([]rune(text)), 0) {
		bytes = binary.LittleEndian.AppendUint16(bytes, unit)
	}
	return bytes
}

// armImage is an EFI program without code.
func armImage() []byte {
	image := make([]byte, armSize)
	copy(image, "MZ")
	copy(image[0x38:], "ARM\x64")
	binary.LittleEndian.PutUint32(image[0x3c:], armHeader)
	sections := []pe.SectionHeader32{{Name: [8]byte{'.', 't', 'e', 'x', 't'}, VirtualSize: armSize - armCode, VirtualAddress: armCode, SizeOfRawData: armSize - armCode, PointerToRawData: armCode, Characteristics: 0x60000020}}
	optional := pe.OptionalHeader64{
		Magic: 0x20b, SizeOfCode: armSize - armCode, AddressOfEntryPoint: armCode, BaseOfCode: armCode, SectionAlignment: armCode, FileAlignment: armCode,
		SizeOfImage: armSize, SizeOfHeaders: armCode, Subsystem: pe.IMAGE_SUBSYSTEM_EFI_APPLICATION, NumberOfRvaAndSizes: 16,
	}
	file := pe.FileHeader{
		Machine: pe.IMAGE_FILE_MACHINE_ARM64, NumberOfSections: uint16(len(sections)), SizeOfOptionalHeader: uint16(binary.Size(optional)),
		Characteristics: pe.IMAGE_FILE_EXECUTABLE_IMAGE | pe.IMAGE_FILE_LINE_NUMS_STRIPPED,
	}
	var headers []byte
	for _, header := range []any{[]byte("PE\x00\x00"), file, optional, sections} {
		headers, _ = binary.Append(headers, binary.LittleEndian, header) // all have fixed sizes
	}
	return slices.Replace(image, armHeader, armHeader+len(headers), headers...)
}

// armProbe matches what a probe has written.
var armProbe = regexp.MustCompile(`PROBE (\d+): (.*) END`)

// probeArm is Probe for an aarch64 guest. The initrd is not known.
func (g *Guest) probeArm() (probe Probe, ran bool, err error) {
	found := armProbe.FindStringSubmatch(g.Console())
	if found == nil {
		return Probe{}, false, nil
	}
	number, err := strconv.ParseUint(found[1], 10, 16)
	return Probe{Number: uint16(number), CommandLine: found[2]}, true, err
}
