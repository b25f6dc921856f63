package image

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// The firmware writes 896 bytes of the command line of a pxelinux entry into the kernel that it has
// loaded, and jumps to the kernel's entry. In that place the kernel has room for more. So a longer command
// line is written to that place in the file. The 896 bytes that the firmware overwrites are also stored
// elsewhere in the file, with a program that copies them back before the kernel runs.
//
// QEMU pc-bios/s390-ccw/netmain.c load_kernel_with_initrd(): "strncpy((char *)0x10480,
// entry->append, ARCH_COMMAND_LINE_SIZE)", and jump2ipl.c jump_to_low_kernel(): "KERN_IMAGE_START".
// Linux arch/s390/boot/head.S: "startup" at 0x10000, "struct parmarea" at 0x10400.
const (
	entryOffset       = 0x10000
	maxSizeOffset     = 0x10430 // 8 bytes in which the kernel says how large the command line may be, with its NUL
	commandLineOffset = 0x10480

	firmwareCommandLine = 896     // what the firmware overwrites, and the most that a kernel without a maximum size accepts
	largestCommandLine  = 1 << 20 // Linux arch/s390/Kconfig, COMMAND_LINE_SIZE: "range 896 1048576"
)

// What a kernel with its own command line has in the last KiB before its entry. Linux has nothing there,
// because its code for card readers, at the beginning of the file, ends far before it.
const (
	restoreOffset = 0xfc00 // the program
	startOffset   = 0xfc40 // the original first bytes at the entry, which a jump to the program replaces
	savedOffset   = 0xfc80 // the first 896 bytes of the command line
)

// startJump replaces the first bytes at the kernel's entry, until the program restores them.
var startJump = binary.BigEndian.AppendUint16([]byte{0xa7, 0xf4}, relative(entryOffset, restoreOffset)) // j restore

// restore is the program. It uses only instructions of System/370, which do the same in every addressing
// mode, so the mode in which the firmware starts it does not matter. It may use any register, because the
// kernel expects no values in them.
var restore = slices.Concat(
	[]byte{0x0d, 0x10}, // basr %r1,0: from here on, %r1 is the address of the next instruction
	move(256, commandLineOffset, savedOffset),
	move(256, commandLineOffset+256, savedOffset+256),
	move(256, commandLineOffset+512, savedOffset+512),
	move(128, commandLineOffset+768, savedOffset+768),
	move(4, entryOffset, startOffset),
	based([]byte{0x47, 0xf0}, entryOffset), // b entry
)

// move is the instruction mvc to(size,%r1),from(%r1).
func move(size, to, from int) []byte {
	return based(based([]byte{0xd2, byte(size - 1)}, to), from)
}

// based appends the address of an offset in the kernel to an instruction of restore: base register 1 in
// the upper four bits, then the distance from the address in that register.
func based(instruction []byte, offset int) []byte {
	const base = restoreOffset + 2
	return binary.BigEndian.AppendUint16(instruction, uint16(1<<12|(offset-base)))
}

// relative is the distance of a relative jump, in halfwords.
func relative(from, to int) uint16 { return uint16((to - from) / 2) }

// CheckCommandLineOf refuses a command line that is too long for every kernel of the architecture, or whose kernels can carry none.
func CheckCommandLineOf(name, cmdline string) error {
	switch {
	case name != arch.S390X && name != arch.PPC64LE:
		return fmt.Errorf("only kernels for %s and %s can carry a command line; for other architectures, set kernel.cmdline of the netboot_domain that boots the kernel, or append of the netboot_pxelinux_config", arch.S390X, arch.PPC64LE)
	case name == arch.PPC64LE && len(cmdline) > largestPowerLine:
		return tooLong(cmdline, largestPowerLine)
	default:
		return nil
	}
}

func tooLong(cmdline string, largest int) error {
	return fmt.Errorf("the command line has %d bytes; this kernel accepts at most %d", len(cmdline), largest)
}

// CheckCommandLine refuses a command line that no kernel reads as it is written.
func CheckCommandLine(cmdline string) error {
	// A byte above 0x7f makes an s390x kernel read the whole line as EBCDIC:
	// Linux arch/s390/boot/ipl_parm.c, has_ebcdic_char().
	unprintable := func(r rune) bool { return r < ' ' || r > '~' }
	if at := strings.IndexFunc(cmdline, unprintable); at >= 0 {
		return fmt.Errorf("the command line has %q at byte %d; it can have only printable ASCII characters, in one line", []rune(cmdline[at:])[0], at)
	}
	return nil
}

// ForFirmware returns a reader of a kernel as the firmware of the architecture boots it: with this command line, if there is one.
func ForFirmware(name string, kernel io.Reader, cmdline *string) (io.Reader, error) {
	if cmdline != nil {
		if err := CheckCommandLineOf(name, *cmdline); err != nil {
			return nil, err
		}
	}
	switch {
	case name == arch.PPC64LE:
		return forSLOF(kernel, cmdline)
	case cmdline == nil:
		return kernel, nil
	default:
		return WithCommandLine(kernel, *cmdline)
	}
}

// IsRewritten tells whether ForFirmware may change a kernel of the architecture that has no command line.
func IsRewritten(name string) bool { return name == arch.PPC64LE }

// WithCommandLine returns a reader of an s390x kernel that carries this command line. The kernel boots with it,
// whatever command line the firmware writes into the kernel, or if the firmware writes none. It has the
// size of the original.
//
// The error is an error of reading the kernel, or says why the kernel cannot carry the command line.
func WithCommandLine(kernel io.Reader, cmdline string) (io.Reader, error) {
	if err := CheckCommandLine(cmdline); err != nil {
		return nil, err
	}
	head := make([]byte, commandLineOffset)
	if err := readHead(kernel, head); err != nil {
		return nil, err
	}
	if size := commandLineSize(head); len(cmdline) >= size {
		return nil, tooLong(cmdline, size-1)
	}
	if err := checkSpace(head); err != nil {
		return nil, err
	}
	area := make([]byte, max(firmwareCommandLine, len(cmdline)+1))
	if err := readHead(kernel, area); err != nil {
		return nil, err
	}
	clear(area) // of the kernel's default
	copy(area, cmdline)
	copy(head[savedOffset:], area[:firmwareCommandLine])
	copy(head[startOffset:], head[entryOffset:][:len(startJump)])
	copy(head[restoreOffset:], restore)
	copy(head[entryOffset:], startJump)
	return io.MultiReader(bytes.NewReader(head), bytes.NewReader(area), kernel), nil
}

// readHead fills a part of the kernel's beginning.
func readHead(kernel io.Reader, part []byte) error {
	_, err := io.ReadFull(kernel, part)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errors.New("the kernel file ends before the end of its command line; check that the source is complete")
	}
	return err
}

// commandLineSize is the size of the command line that the kernel accepts, with a NUL.
func commandLineSize(head []byte) int {
	size := binary.BigEndian.Uint64(head[maxSizeOffset:])
	if size == 0 {
		return firmwareCommandLine
	}
	return int(min(size, largestCommandLine))
}

// checkSpace refuses a kernel that has data in the place of the program.
func checkSpace(head []byte) error {
	if carries(head) {
		return errCarries
	}
	if !isFree(head[restoreOffset:entryOffset]) {
		return fmt.Errorf("the kernel cannot carry a command line: the space for it at %#x is in use, unlike in all known Linux kernels; give another kernel", restoreOffset)
	}
	return nil
}

var errCarries = errors.New("the kernel already carries a command line; give the original kernel")

func isFree(space []byte) bool { return len(bytes.Trim(space, "\x00")) == 0 }

// carries tells whether WithCommandLine has made this beginning of a kernel.
func carries(head []byte) bool {
	return hasAt(head, entryOffset, string(startJump)) && hasAt(head, restoreOffset, string(restore))
}

// Head is a writer that keeps the beginning of a kernel, up to where its command line can end.
type Head struct{ kept []byte }

// Write implements io.Writer.
func (h *Head) Write(p []byte) (int, error) {
	const size = commandLineOffset + largestCommandLine
	h.kept = append(h.kept, p[:min(len(p), size-len(h.kept))]...)
	return len(p), nil
}

// Arch returns the architecture of the kernel, or "" if it is not one of Architectures.
func (h *Head) Arch() string {
	for _, name := range Architectures {
		if CheckKernelOf(name, h.kept) == nil {
			return name
		}
	}
	return ""
}

// Limit is how many bytes of a command line an s390x kernel accepts from a loader that passes all of them; 0 for another file.
func (h *Head) Limit() int {
	if CheckKernelOf(arch.S390X, h.kept) != nil {
		return 0
	}
	return commandLineSize(h.kept) - 1
}

// CommandLine returns the command line that ForFirmware wrote into the kernel.
func (h *Head) CommandLine() (cmdline string, found bool) {
	if h.Arch() == arch.PPC64LE {
		f, err := parsePower(h.kept)
		if err != nil {
			return "", false
		}
		return f.commandLine()
	}
	if len(h.kept) < commandLineOffset || !carries(h.kept) {
		return "", false
	}
	text, _, ended := bytes.Cut(h.kept[commandLineOffset:], []byte{0})
	return string(text), ended
}
