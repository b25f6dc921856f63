package image

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// headSize is how many bytes of a file the checks see, and the smallest size of a kernel: up to the end of
// the field at 0x10430 with the maximum size of the kernel's command line.
const headSize = 0x10438

// Sniff runs check on the first bytes of content before it passes any of them on. The reader that it
// returns reads the whole content. Use it before Verify, because "a web page" says more than "a wrong
// checksum".
func Sniff(content io.Reader, check func(head []byte) error) (io.Reader, error) {
	reader := bufio.NewReaderSize(content, headSize)
	head, err := reader.Peek(headSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if err := check(head); err != nil {
		return nil, err
	}
	return reader, nil
}

// foreignFormat is a format of files that users may give by mistake.
type foreignFormat struct {
	offset int
	magic  string
	what   string
	remedy string
}

const (
	remedyPacked = "the firmware does not unpack kernels, so give the unpacked file, and check that this is not the initrd"
	remedyArch   = "give the kernel of the s390x port"
)

// foreignFormats are in the order in which they are checked, because an x86 or arm64 kernel is a PE file as well.
var foreignFormats = slices.Concat(packedFiles, []foreignFormat{
	{0, "\x7fELF", "an ELF file", "the firmware does not read ELF, so give the raw image (bzImage, kernel.img, kernel.ubuntu), not vmlinux"},
	{0, "07070", "a cpio archive", "this is an initrd; check that kernel and initrd are not swapped"},
}, foreignKernels(), []foreignFormat{
	{0, "MZ", "a PE (EFI) program", remedyArch},
	{isoOffset, isoMagic, "an ISO image", "give the kernel that is in it"},
})

// packedFiles are formats in which Linux can pack itself or an initrd.
var packedFiles = []foreignFormat{
	{0, "\x1f\x8b", "a gzip file", remedyPacked},
	{0, "\xfd7zXZ\x00", "an xz file", remedyPacked},
	{0, "\x28\xb5\x2f\xfd", "a zstd file", remedyPacked},
	{0, "BZh", "a bzip2 file", remedyPacked},
	{0, "\x04\x22\x4d\x18", "an lz4 file", remedyPacked},
	{0, "\x02\x21\x4c\x18", "an lz4 file", remedyPacked},
}

// foreignKernels are the formats of kernels for other architectures.
func foreignKernels() []foreignFormat {
	var kernels []foreignFormat
	for _, a := range arch.All {
		if a.Name != arch.S390X {
			kernels = append(kernels, foreignFormat{a.Kernel.Offset, a.Kernel.Magic, a.Kernel.Foreign, remedyArch})
		}
	}
	return kernels
}

// The volume descriptor, ECMA-119 8.1.2: sector 16, after a type byte.
const (
	isoOffset = 0x8001
	isoMagic  = "CD001"
)

// CheckKernel refuses a file that is not a raw s390x kernel image, by its first bytes. The firmware checks
// nothing: it jumps into whatever it loaded.
func CheckKernel(head []byte) error {
	if err := checkBootFile(head); err != nil {
		return fmt.Errorf("not an s390x kernel: %w", err)
	}
	mark := arch.Of(arch.S390X).Kernel
	if f := foreignIn(head, foreignFormats); f != nil {
		return fmt.Errorf("not an s390x kernel: it is %s; %s", f.what, f.remedy)
	}
	switch {
	case strings.HasPrefix(http.DetectContentType(head), "text/plain"):
		return errors.New("not an s390x kernel: it is a text file; check the source")
	case len(head) < headSize:
		return fmt.Errorf("not an s390x kernel: it has only %d bytes, but a kernel has at least %d; check that the source is complete", len(head), headSize)
	case !mark.In(head):
		return fmt.Errorf("not an s390x kernel: there is no %q at offset %#x; check that the source is a raw kernel of the s390x port", mark.Magic, mark.Offset)
	}
	return nil
}

// CheckInitrd refuses a file that is certainly not an initrd, by its first bytes. It accepts everything
// else, because the booting kernel decides: it knows cpio, its own set of compressions, and images of file
// systems.
func CheckInitrd(head []byte) error {
	err := checkBootFile(head)
	kernel, isKernel := kernelIn(head)
	switch {
	case err != nil:
	case isKernel:
		err = fmt.Errorf("it is %s; check that kernel and initrd are not swapped", kernel.Kernel.Foreign)
	case hasAt(head, isoOffset, isoMagic):
		err = errors.New("it is an ISO image; give the initrd that is in it")
	default:
		return nil
	}
	return fmt.Errorf("not an initrd: %w", err)
}

// CheckFile refuses content that cannot be the file that a boot loader or firmware loads by a fixed name, by its first bytes.
func CheckFile(head []byte) error {
	switch {
	case bytes.HasPrefix(head, []byte("<?xml")): // a profile of an installer
		return nil
	case hasAt(head, 0, arMagic):
		return errors.New("it is a Debian package; set archive_path to a file in it")
	case hasAt(head, 0, rpmMagic):
		return errors.New("it is an RPM package; unpack it, and give the file that is in it")
	}
	return checkContent(head)
}

// checkBootFile is checkContent for kernels and initrds.
func checkBootFile(head []byte) error {
	if err := checkContent(head); err != nil {
		return err
	}
	if _, isArchive := firstInArchive(head); isArchive {
		return errors.New("it is a tar archive; " + remedyUnpack)
	}
	if f := foreignIn(head, foreignFiles); f != nil {
		return fmt.Errorf("it is %s; %s", f.what, f.remedy)
	}
	return nil
}

// checkContent refuses content that cannot be a boot file.
func checkContent(head []byte) error {
	if len(head) == 0 {
		// The firmware prints "TFTP error: unknown error" for it, and continues the boot.
		return errors.New("it is empty; check that the source is complete")
	}
	kind := http.DetectContentType(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")))
	if strings.HasPrefix(kind, "text/html") || strings.HasPrefix(kind, "text/xml") {
		return errors.New("it is a web page, perhaps an error or a login page; open the source in a browser")
	}
	return nil
}

// foreignIn returns the first format whose mark a file has, or nil.
func foreignIn(head []byte, lists ...[]foreignFormat) *foreignFormat {
	for _, formats := range lists {
		for i, f := range formats {
			if hasAt(head, f.offset, f.magic) {
				return &formats[i]
			}
		}
	}
	return nil
}

func hasAt(head []byte, offset int, magic string) bool {
	return len(head) >= offset && bytes.HasPrefix(head[offset:], []byte(magic))
}
