package image

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// power is an ELF file of 200001 bytes with the header and the segments of Debian's vmlinux, after these changes.
func power(change func(h *elf.Header64, s *[]elf.Prog64)) []byte {
	const link = 0xc000000000000000
	h := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_PPC64), Version: 1, Flags: 2,
		Entry: link, Phoff: 64, Shoff: 199000, Ehsize: 64, Phentsize: 56, Shentsize: 64, Shnum: 3, Shstrndx: 2,
	}
	segments := []elf.Prog64{
		{Type: uint32(elf.PT_LOAD), Flags: 7, Off: 0x10000, Vaddr: link, Filesz: 0x1f000, Memsz: 0x2f000, Align: 0x10000},
		{Type: uint32(elf.PT_NOTE), Off: 0x11000, Vaddr: link + 0x1000, Paddr: 0x1000, Filesz: 0x80, Memsz: 0x80, Align: 4},
	}
	change(&h, &segments)
	h.Phnum = uint16(len(segments))
	order := binary.ByteOrder(binary.LittleEndian)
	if h.Ident[elf.EI_DATA] == byte(elf.ELFDATA2MSB) {
		order = binary.BigEndian
	}
	content := make([]byte, 200001)
	for i := 0x10000; i < len(content); i++ {
		content[i] = byte(i)
	}
	_, _ = binary.Encode(content, order, h)
	_, _ = binary.Encode(content[h.Phoff:], order, segments)
	return content
}

func vmlinux() []byte { return power(func(*elf.Header64, *[]elf.Prog64) {}) }

// zImage is a kernel that SLOF loads to the addresses in its header.
func zImage() []byte {
	return power(func(h *elf.Header64, s *[]elf.Prog64) {
		h.Entry, (*s)[0].Vaddr, (*s)[0].Paddr = 0x4000000, 0x4000000, 0x4000000
	})
}

// power32 is an ELF file with 32 bits.
func power32(data elf.Data, virtual, physical uint32) []byte {
	h := elf.Header32{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(data), 1},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_PPC), Version: 1, Entry: virtual, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
	}
	content := make([]byte, 200001)
	_, _ = binary.Encode(content, binary.BigEndian, h)
	_, _ = binary.Encode(content[52:], binary.BigEndian, elf.Prog32{Type: uint32(elf.PT_LOAD), Off: 0x10000, Vaddr: virtual, Paddr: physical, Filesz: 0x1000, Memsz: 0x1000})
	return content
}

// published is a ppc64le kernel as SLOF boots it.
func published(t *testing.T, kernel []byte, cmdline *string) []byte {
	t.Helper()
	reader, err := ForFirmware(arch.PPC64LE, bytes.NewReader(kernel), cmdline)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// at is the original with bytes at offsets, in hexadecimal digits.
func at(t *testing.T, original []byte, bytes map[int]string) []byte {
	t.Helper()
	content := slices.Clone(original)
	for offset, digits := range bytes {
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		copy(content[offset:], part)
	}
	return content
}

func wantBytes(t *testing.T, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%#x: got % x, want % x", i, got[i:min(len(got), i+16)], want[i:min(len(got), i+16)])
		}
	}
}

// TestForSLOFGolden checks every byte of the header.
func TestForSLOFGolden(t *testing.T) {
	original := vmlinux()
	want := at(t, original, map[int]string{
		24: "0000400000000000", // entry
		40: "0000000000000000", // sections
		56: "0100 0000 0000 0000",
		80: "0000400000000000 0000400000000000", // addresses
	})
	clear(want[64+56 : 64+2*56])
	wantBytes(t, published(t, original, nil), want)
	for name, kernel := range map[string][]byte{
		"published": want, "zImage": zImage(), "32 bits": power32(elf.ELFDATA2MSB, 0x400000, 0x400000),
	} {
		t.Run(name, func(t *testing.T) { wantBytes(t, published(t, kernel, nil), kernel) })
	}
}

// TestForSLOFCommandLineGolden checks every byte of the program. Disassembled, it is
//
//	 0  tdi 0,0,72           28  bcl 20,31,.+4       4c  addi r4,r31,0x140   90  bctrl
//	 4  b 28                 2c  mflr r31            50  stw r4,0x100(r31)   94  addi r3,r26,0
//	 8  bcl 20,31,.+4        30  addi r31,r31,-44    54  addi r4,r31,0x150   98  addi r4,r27,0
//	 c  mflr r10             34  addi r26,r3,0       58  stw r4,0x10c(r31)   9c  addi r5,r28,0
//	10  addi r10,r10,28      38  addi r27,r4,0       5c  addi r3,r31,0x100   a0  addi r6,r29,0
//	14  mtsrr0 r10           3c  addi r28,r5,0       60  mtctr r28           a4  addi r7,r30,0
//	18  mfmsr r10            40  addi r29,r6,0       64  bctrl               a8  addi r12,r31,0x1000
//	1c  xori r10,r10,1       44  addi r30,r7,0       68  lwz r4,0x110(r31)   ac  mtctr r12
//	20  mtsrr1 r10           48  li r13,0            …   the same for setprop
//	24  rfid                                                                 b0  bctr
//
// where the instructions from 8 to 24 are little endian.
func TestForSLOFCommandLineGolden(t *testing.T) {
	original := vmlinux()
	want := at(t, original, map[int]string{
		24: "00f0400000000000",
		40: "0000000000000000",
		56: "0100 0000 0000 0000",
		72: "00f0000000000000 00f0400000000000 00f0400000000000 0000020000000000 0000030000000000",
		0xf000: "08000048 48000024 05009f42 a602487d 1c004a39 a6035a7d a600407d 01004a69 a6035b7d 2400004c" +
			"429f0005 7fe802a6 3bffffd4 3b430000 3b640000 3b850000 3ba60000 3bc70000 39a00000" +
			"389f0140 909f0100 389f0150 909f010c 387f0100 7f8903a6 4e800421 809f0110" +
			"909f012c 389f0158 909f0120 389f0160 909f0130 389f0200 909f0134 387f0120 7f8903a6 4e800421" +
			"387a0000 389b0000 38bc0000 38dd0000 38fe0000 399f1000 7d8903a6 4e800420",
		0xf100: "00000000 00000001 00000001",
		0xf120: "00000000 00000004 00000001 00000000 00000000 00000000 00000004",
		0xf140: hex.EncodeToString([]byte("finddevice")),
		0xf150: hex.EncodeToString([]byte("/chosen")),
		0xf158: hex.EncodeToString([]byte("setprop")),
		0xf160: hex.EncodeToString([]byte("bootargs")),
		0xf200: hex.EncodeToString([]byte("x=1")),
	})
	clear(want[64+56 : 64+2*56])
	cmdline := "x=1"
	got := published(t, original, &cmdline)
	wantBytes(t, got, want)
	if err := CheckKernelOf(arch.PPC64LE, got[:headSize]); err != nil {
		t.Error(err)
	}
}

func TestForSLOFHead(t *testing.T) {
	for _, cmdline := range []string{"", "x=1", strings.Repeat("x", largestPowerLine)} {
		var head Head
		if _, err := head.Write(published(t, vmlinux(), &cmdline)); err != nil {
			t.Fatal(err)
		}
		if got, found := head.CommandLine(); !found || got != cmdline || head.Arch() != arch.PPC64LE {
			t.Errorf("%d bytes were found as %d, %v, for %q", len(cmdline), len(got), found, head.Arch())
		}
	}
	for name, content := range map[string][]byte{
		"vmlinux": vmlinux(), "zImage": zImage(), "published": published(t, vmlinux(), nil), "header": vmlinux()[:70],
	} {
		var head Head
		_, _ = head.Write(content)
		if got, found := head.CommandLine(); found {
			t.Errorf("%s: found %q", name, got)
		}
	}
}

func TestForSLOFCommandLineRefuses(t *testing.T) {
	line := "x=1"
	used := vmlinux()
	used[0xff00] = 1
	near := power(func(_ *elf.Header64, s *[]elf.Prog64) { (*s)[0].Off = 0x800 })
	many := power(func(_ *elf.Header64, s *[]elf.Prog64) {
		(*s)[0].Off = 0x1000
		*s = append(*s, slices.Repeat((*s)[1:], 100)...)
	})
	far := power(func(_ *elf.Header64, s *[]elf.Prog64) { (*s)[0].Off = 0x20000 })
	for want, test := range map[string]struct {
		kernel  []byte
		cmdline string
	}{
		"has 2048 bytes; this kernel accepts at most 2047": {vmlinux(), strings.Repeat("x", largestPowerLine+1)},
		`has '\n' at byte 1`:                                                      {vmlinux(), "a\nb"},
		"already carries a command line":                                          {published(t, vmlinux(), &line), "y"},
		"only a vmlinux can carry a command line":                                 {zImage(), "x"},
		"the space for it before 0x10000 is in use, unlike":                       {used, "x"},
		"the kernel cannot carry a command line: the space for it before 0x800":   {near, "x"},
		"the kernel cannot carry a command line: the space for it before 0x1000":  {many, "x"},
		"the kernel cannot carry a command line: the space for it before 0x20000": {far, "x"},
	} {
		_, err := ForFirmware(arch.PPC64LE, bytes.NewReader(test.kernel), &test.cmdline)
		expectError(t, err, want)
	}
	_, err := ForFirmware(arch.X86, bytes.NewReader(vmlinux()), &line)
	expectError(t, err, "only kernels for s390x and ppc64le can carry a command line")
}

func TestForSLOFStreams(t *testing.T) {
	line := "x=1"
	for _, cmdline := range []*string{nil, &line} {
		want := published(t, vmlinux(), cmdline)
		reader, err := ForFirmware(arch.PPC64LE, iotest.HalfReader(bytes.NewReader(vmlinux())), cmdline)
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(reader, want); err != nil {
			t.Error(err)
		}
	}
	broken := errors.New("broken")
	for _, after := range []int{0, 64, 150000} {
		content := io.MultiReader(bytes.NewReader(vmlinux()[:after]), iotest.ErrReader(broken))
		reader, err := ForFirmware(arch.PPC64LE, content, nil)
		if err == nil {
			_, err = io.ReadAll(reader)
		}
		if err != broken {
			t.Errorf("after %d bytes: got %v", after, err)
		}
	}
}

func TestCheckPowerKernel(t *testing.T) {
	for name, kernel := range map[string][]byte{
		"vmlinux":                             vmlinux(),
		"shared object, as some linkers make": power(func(h *elf.Header64, _ *[]elf.Prog64) { h.Type = uint16(elf.ET_DYN) }),
		"without notes":                       power(func(_ *elf.Header64, s *[]elf.Prog64) { *s = (*s)[:1] }),
		"notes first":                         power(func(_ *elf.Header64, s *[]elf.Prog64) { slices.Reverse(*s) }),
		"zImage":                              zImage(),
		"zImage with 32 bits":                 power32(elf.ELFDATA2MSB, 0x4000000, 0x4000000),
	} {
		if err := CheckKernelOf(arch.PPC64LE, kernel[:headSize]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, kernel := range map[string][]byte{
		"it ends in its ELF header":                     vmlinux()[:63],
		"its table of segments is not at its beginning": vmlinux()[:100],
		"it is a big-endian kernel (ppc64)":             power(func(h *elf.Header64, _ *[]elf.Prog64) { h.Ident[elf.EI_DATA] = byte(elf.ELFDATA2MSB) }),
		"for another architecture (X86_64)":             power(func(h *elf.Header64, _ *[]elf.Prog64) { h.Machine = uint16(elf.EM_X86_64) }),
		"an ELF file without a segment to load":         power(func(_ *elf.Header64, s *[]elf.Prog64) { *s = (*s)[1:] }),
		"it is a kernel with 32 bits":                   power32(elf.ELFDATA2MSB, 0xc0000000, 0),
		"it has 2 segments to load":                     power(func(_ *elf.Header64, s *[]elf.Prog64) { (*s)[1].Type = uint32(elf.PT_LOAD) }),
		"and a table of segments at 0x80":               power(func(h *elf.Header64, _ *[]elf.Prog64) { h.Phoff = 0x80 }),
		"its entry is not at its beginning":             power(func(h *elf.Header64, _ *[]elf.Prog64) { h.Entry += 4 }),
	} {
		err := CheckKernelOf(arch.PPC64LE, kernel[:min(len(kernel), headSize)])
		expectError(t, err, "not a kernel for ppc64le: ")
		expectError(t, err, want)
	}
}

func FuzzForSLOF(f *testing.F) {
	f.Add(vmlinux()[:headSize], "x=1", true)
	f.Add(zImage()[:headSize], "", false)
	f.Add(power32(elf.ELFDATA2LSB, 1, 2)[:headSize], "", false)
	f.Fuzz(func(t *testing.T, kernel []byte, line string, carries bool) {
		cmdline := &line
		if !carries {
			cmdline = nil
		}
		reader, err := ForFirmware(arch.PPC64LE, bytes.NewReader(kernel), cmdline)
		if err != nil {
			return
		}
		content, err := io.ReadAll(reader)
		if err != nil || len(content) != len(kernel) {
			t.Fatalf("%d bytes became %d, %v", len(kernel), len(content), err)
		}
		if err := CheckKernelOf(arch.PPC64LE, content); err != nil {
			t.Error(err)
		}
		var head Head
		_, _ = head.Write(content)
		if got, found := head.CommandLine(); carries && (!found || got != line) {
			t.Errorf("%q was found as %q, %v", line, got, found)
		}
	})
}
