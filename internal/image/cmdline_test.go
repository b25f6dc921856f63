package image

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// linux returns a kernel of size bytes with the beginning of a Linux kernel that accepts a command line of
// maxSize bytes with its NUL.
func linux(size int, maxSize uint64) []byte {
	content := kernel(size)
	copy(content[entryOffset:], "\xa7\xf4\x00\x10") // j startup_normal
	binary.BigEndian.PutUint64(content[maxSizeOffset:], maxSize)
	copy(content[commandLineOffset:], "root=/dev/ram0 ro")
	return content
}

// carrying returns the kernel with the command line.
func carrying(t *testing.T, kernel []byte, cmdline string) []byte {
	t.Helper()
	reader, err := WithCommandLine(bytes.NewReader(kernel), cmdline)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestWithCommandLineGolden checks every byte that differs. Disassembled, the bytes at 0xfc00 are
//
//	basr %r1,%r0
//	mvc  2174(256,%r1),126(%r1)
//	mvc  2430(256,%r1),382(%r1)
//	mvc  2686(256,%r1),638(%r1)
//	mvc  2942(128,%r1),894(%r1)
//	mvc  1022(4,%r1),62(%r1)
//	b    1022(%r1)
//
// and the instruction at 0x10000 is "j 0xfc00".
func TestWithCommandLineGolden(t *testing.T) {
	cmdline := strings.Repeat("0123456789", 300)
	original := linux(200001, 4096)
	want := slices.Clone(original)
	for offset, digits := range map[int]string{
		0xfc00:  "0d10 d2ff187e107e d2ff197e117e d2ff1a7e127e d27f1b7e137e d20313fe103e 47f013fe",
		0xfc40:  "a7f40010",
		0x10000: "a7f4fe00",
	} {
		code, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		copy(want[offset:], code)
	}
	copy(want[0xfc80:], cmdline[:896])
	copy(want[0x10480:], cmdline)

	got := carrying(t, original, cmdline)
	if len(got) != len(want) {
		t.Fatalf("got %d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%#x: got % x, want % x", i, got[i:min(len(got), i+16)], want[i:min(len(got), i+16)])
		}
	}
	if err := CheckKernel(got[:headSize]); err != nil {
		t.Error(err)
	}
}

// TestWithCommandLineReplacesTheDefault checks that nothing of the kernel's default remains.
func TestWithCommandLineReplacesTheDefault(t *testing.T) {
	for _, cmdline := range []string{"", "ro"} {
		got := carrying(t, linux(200000, 4096), cmdline)
		want := fake(firmwareCommandLine, 0, cmdline)
		if !bytes.Equal(got[commandLineOffset:][:firmwareCommandLine], want) || !bytes.Equal(got[savedOffset:entryOffset], want) {
			t.Errorf("%q: the kernel has %q, saved is %q", cmdline, got[commandLineOffset:][:32], got[savedOffset:][:32])
		}
	}
}

func TestWithCommandLineLimit(t *testing.T) {
	for maxSize, most := range map[uint64]int{0: 895, 896: 895, 4096: 4095, 1 << 20: 1<<20 - 1, 1 << 63: 1<<20 - 1} {
		original := linux(2<<20, maxSize)
		longest := strings.Repeat("x", most)
		if got := carrying(t, original, longest); !bytes.HasPrefix(got[commandLineOffset:], []byte(longest+"\x00")) {
			t.Errorf("a command line of %d bytes is not complete", most)
		}
		_, err := WithCommandLine(bytes.NewReader(original), longest+"x")
		expectError(t, err, fmt.Sprintf("the command line has %d bytes; this kernel accepts at most %d", most+1, most))
	}
}

func TestWithCommandLineRefuses(t *testing.T) {
	used := linux(200000, 4096)
	used[entryOffset-1] = 1
	for want, test := range map[string]struct {
		kernel  []byte
		cmdline string
	}{
		`has '\n' at byte 1`:                   {linux(200000, 4096), "a\nb"},
		`has '\x00' at byte 0`:                 {linux(200000, 4096), "\x00"},
		`has 'ä' at byte 2`:                    {linux(200000, 4096), "x=ä"},
		"already carries a command line":       {carrying(t, linux(200000, 4096), "x"), "y"},
		"the space for it at 0xfc00 is in use": {used, "x"},
		"ends before the end":                  {linux(200000, 4096)[:headSize], "x"},
		"the kernel file ends before the end":  {linux(commandLineOffset+1000, 4096), strings.Repeat("x", 1000)},
	} {
		reader, err := WithCommandLine(bytes.NewReader(test.kernel), test.cmdline)
		expectError(t, err, want)
		if reader != nil {
			t.Errorf("%s: the kernel is passed on", want)
		}
	}
}

func TestWithCommandLineStreams(t *testing.T) {
	original := linux(300001, 4096)
	want := carrying(t, original, "x=1")
	for name, slow := range map[string]func(io.Reader) io.Reader{
		"half": iotest.HalfReader, "one byte": iotest.OneByteReader, "end with the last byte": iotest.DataErrReader,
	} {
		reader, err := WithCommandLine(slow(bytes.NewReader(original)), "x=1")
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(reader, want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithCommandLinePassesErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	for _, after := range []int{0, commandLineOffset, commandLineOffset + 100, 150000} {
		content := io.MultiReader(bytes.NewReader(linux(200000, 4096)[:after]), iotest.ErrReader(broken))
		reader, err := WithCommandLine(content, "x=1")
		if err == nil {
			_, err = io.ReadAll(reader)
		}
		if err != broken {
			t.Errorf("after %d bytes: got %v", after, err)
		}
	}
}

func TestHead(t *testing.T) {
	for _, cmdline := range []string{"", "x=1", strings.Repeat("x", 895), strings.Repeat("x", 896), strings.Repeat("x", 4095)} {
		var head Head
		kernel, cut := carrying(t, linux(3<<20, 4096), cmdline), 2*commandLineOffset // this is after everything that is kept
		if _, err := io.Copy(&head, io.MultiReader(iotest.OneByteReader(bytes.NewReader(kernel[:cut])), bytes.NewReader(kernel[cut:]))); err != nil {
			t.Fatal(err)
		}
		if got, found := head.CommandLine(); !found || got != cmdline {
			t.Errorf("%d bytes were found as %d, %v", len(cmdline), len(got), found)
		}
		if len(head.kept) > 2<<20 {
			t.Errorf("it keeps %d bytes", len(head.kept))
		}
	}
	for name, content := range map[string][]byte{
		"nothing":       nil,
		"initrd":        []byte("070701"),
		"plain kernel":  linux(200000, 4096),
		"half a kernel": carrying(t, linux(200000, 4096), "x=1")[:entryOffset+4],
		"half a line":   carrying(t, linux(200000, 4096), "x=1")[:commandLineOffset+2],
	} {
		var head Head
		if n, err := head.Write(content); n != len(content) || err != nil {
			t.Errorf("%s: wrote %d, %v", name, n, err)
		}
		if got, found := head.CommandLine(); found {
			t.Errorf("%s: found %q", name, got)
		}
	}
}

func FuzzWithCommandLine(f *testing.F) {
	f.Add(linux(70000, 4096), "x=1")
	f.Add(linux(200000, 0), strings.Repeat("x", 895))
	f.Fuzz(func(t *testing.T, kernel []byte, cmdline string) {
		reader, err := WithCommandLine(bytes.NewReader(kernel), cmdline)
		if err != nil {
			return
		}
		content, err := io.ReadAll(reader)
		if err != nil || len(content) != len(kernel) {
			t.Fatalf("%d bytes became %d, %v", len(kernel), len(content), err)
		}
		var head Head
		_, _ = head.Write(content)
		if got, found := head.CommandLine(); !found || got != cmdline {
			t.Errorf("%q was found as %q, %v", cmdline, got, found)
		}
	})
}
