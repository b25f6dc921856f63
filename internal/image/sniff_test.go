package image

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// fake returns size bytes with text at offset, as a file of some format begins.
func fake(size, offset int, text string) []byte {
	head := make([]byte, size)
	copy(head[offset:], text)
	return head
}

// mark is the mark of an s390x kernel.
var mark = arch.Of(arch.S390X).Kernel

// kernel returns content of size bytes that CheckKernel accepts as a kernel.
func kernel(size int) []byte {
	content := fake(size, mark.Offset, mark.Magic)
	copy(content, "\x00\x08\x00\x00\x80\x01\x00\x00") // the PSW to start with
	return content
}

var html = []byte("\n<!DOCTYPE html>\n<html><title>Not Found</title></html>\n")

func TestCheckKernel(t *testing.T) {
	for _, size := range []int{headSize, headSize + 1, 10 << 20} {
		if err := CheckKernel(kernel(size)); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestCheckKernelRefuses(t *testing.T) {
	x86 := fake(1<<20, 0x202, "HdrS")
	copy(x86, "MZ")
	arm := fake(1<<20, 0x38, "ARM\x64")
	copy(arm, "MZ")
	elf := kernel(1 << 20)
	copy(elf, "\x7fELF")

	tests := map[string]struct {
		head []byte
		want string
	}{
		"nothing":       {nil, "it is empty"},
		"web page":      {html, "it is a web page"},
		"XML":           {[]byte("<?xml version='1.0'?><Error/>"), "it is a web page"},
		"page with BOM": {append([]byte("\xef\xbb\xbf"), html...), "it is a web page"},
		"gzip":          {fake(100, 0, "\x1f\x8b\x08"), "it is a gzip file; the firmware does not unpack"},
		"xz":            {fake(100, 0, "\xfd7zXZ\x00"), "it is an xz file"},
		"zstd":          {fake(100, 0, "\x28\xb5\x2f\xfd"), "it is a zstd file"},
		"bzip2":         {fake(100, 0, "BZh9"), "it is a bzip2 file"},
		"lz4":           {fake(100, 0, "\x04\x22\x4d\x18"), "it is an lz4 file"},
		"lz4 legacy":    {fake(100, 0, "\x02\x21\x4c\x18"), "it is an lz4 file"},
		"ELF":           {elf, "it is an ELF file"},
		"cpio":          {fake(1<<20, 0, "070701"), "kernel and initrd are not swapped"},
		"x86":           {x86, "it is an x86 kernel; give the kernel of the s390x port"},
		"arm64":         {arm, "it is an arm64 kernel"},
		"EFI":           {fake(1<<20, 0, "MZ"), "it is a PE (EFI) program"},
		"ISO":           {fake(1<<20, 0x8001, "CD001"), "it is an ISO image"},
		"text":          {[]byte("line\n"), "it is a text file"},
		"Git LFS":       {[]byte("version https://git-lfs.github.com/spec/v1\n"), "it is a pointer of Git LFS"},
		"zip":           {fake(1<<20, 0, "PK\x03\x04"), "it is a zip archive; unpack it"},
		"tar":           {[]byte(tarOf(t, inTar{name: "kernel"})), "it is a tar archive; unpack it"},
		"long text":     {bytes.Repeat([]byte("line\n"), 1<<15), "it is a text file"},
		"cut":           {kernel(1 << 20)[:headSize-1], "it has only 66615 bytes"},
		"anything else": {make([]byte, 1<<20), `there is no "S390EP" at offset 0x10008`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := CheckKernel(test.head)
			expectError(t, err, "not an s390x kernel: ")
			expectError(t, err, test.want)
		})
	}
}

func TestCheckInitrd(t *testing.T) {
	for name, head := range map[string][]byte{
		"gzip":    []byte("\x1f\x8b\x08"),
		"xz":      []byte("\xfd7zXZ\x00"),
		"zstd":    []byte("\x28\xb5\x2f\xfd"),
		"lz4":     []byte("\x02\x21\x4c\x18"),
		"bzip2":   []byte("BZh9"),
		"cpio":    []byte("070701"),
		"cpio -c": []byte("070702"),
		"unknown": fake(1<<20, 0x438, "\x53\xef"), // ext2
	} {
		if err := CheckInitrd(head); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, head := range map[string][]byte{
		"it is empty":           nil,
		"it is a web page":      html,
		"it is an s390x kernel": kernel(headSize),
		"it is an ISO image":    fake(1<<20, 0x8001, "CD001"),
		"it is a zip archive":   fake(1<<20, 0, "PK\x03\x04"),
		"it is a tar archive":   []byte(tarOf(t, inTar{name: "initrd"})),
		"it is a torrent":       []byte("d8:announce3:udp"),
		"it is a pointer":       []byte("version https://git-lfs.github.com/spec/v1\n"),
	} {
		err := CheckInitrd(head)
		expectError(t, err, "not an initrd: "+want)
	}
}

func TestSniff(t *testing.T) {
	for _, size := range []int{0, 1, headSize - 1, headSize, headSize + 1, 3 * headSize} {
		content := bytes.Repeat([]byte("x"), size)
		var head []byte
		reader, err := Sniff(iotest.HalfReader(bytes.NewReader(content)), func(p []byte) error {
			head = bytes.Clone(p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(head, content[:min(size, headSize)]) {
			t.Errorf("of %d bytes the check saw %d", size, len(head))
		}
		if got, err := io.ReadAll(reader); err != nil || !bytes.Equal(got, content) {
			t.Errorf("of %d bytes %d arrived, %v", size, len(got), err)
		}
	}
}

func TestSniffErrors(t *testing.T) {
	_, err := Sniff(bytes.NewReader(html), CheckKernel)
	expectError(t, err, "it is a web page")

	broken := errors.New("broken")
	content := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if _, err := Sniff(content, CheckKernel); err != broken {
		t.Errorf("got %v", err)
	}
}

func FuzzCheckKernel(f *testing.F) {
	f.Add(kernel(headSize))
	f.Add(kernel(headSize)[:headSize-1])
	f.Add(html)
	f.Add(fake(0x210, 0x202, "HdrS"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if CheckKernel(head) != nil {
			return
		}
		if len(head) < headSize || !bytes.HasPrefix(head[mark.Offset:], []byte(mark.Magic)) {
			t.Errorf("accepted %d bytes without the mark", len(head))
		}
		if CheckInitrd(head) == nil {
			t.Error("accepted as kernel and as initrd")
		}
	})
}

func FuzzCheckInitrd(f *testing.F) {
	f.Add([]byte("070701"))
	f.Add(html)
	f.Add(kernel(headSize))
	f.Fuzz(func(t *testing.T, head []byte) {
		if CheckInitrd(head) == nil && len(head) == 0 {
			t.Error("accepted nothing")
		}
	})
}
