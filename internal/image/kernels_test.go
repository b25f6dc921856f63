package image

import (
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Beginnings of files.
var (
	// Of linux-image-6.1.0-57-amd64.
	bzImage = map[int]string{
		0:     "4d5a000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000004000000050450000648604",
		0x1f1: "27010020d807000000ffff000055aaeb6a486472530f02000000000010c042",
	}
	// Of linux-image-6.1.0-57-arm64.
	arm64Image = map[int]string{
		0: "4d5a40fa56a35914000000000000000000000102000000000a0000000000000000000000000000000000000000000000000000000000000041524d64400000005045000064aa020000000000",
	}
	// As Linux drivers/firmware/efi/libstub/zboot-header.S makes it.
	zboot = map[int]string{
		0:  "4d5a00007a696d67 0010000000008000 0000000000000000 677a697000",
		56: "cd23828140000000 5045000064aa0200",
	}
	zbootRISCV = map[int]string{
		0:  "4d5a00007a696d67 0010000000008000 0000000000000000 677a697000",
		56: "cd23828140000000 5045000064500200",
	}
	// Of shim-signed 1.51~1+deb12u1+16.1-2~deb12u1 for arm64.
	shim = map[int]string{
		0:   "4d5a90000300000004000000ffff0000b8000000000000004000000000000000000000000000000000000000000000000000000000000000000000008000000000",
		128: "5045000064aa0a000000000000e00d00f2110000f0000602",
	}
	// Of grub-efi-arm64-signed 1+2.06+13+deb12u2.
	grub = map[int]string{
		0:   "4d5a90000300000004000000ffff0000b8000000000000004000000000000000000000000000000000000000000000000000000000000000000000008000000000",
		128: "5045000064aa0500008ea4540000000000000000f0000e02",
	}
	// A vmlinux for x86_64.
	elfX86 = map[int]string{0: "7f454c46020101000000000000000000 02003e00010000000000000100000000 4000000000000000"}
)

func headOf(t *testing.T, parts map[int]string) []byte { return at(t, make([]byte, headSize), parts) }

// gzipHead is the beginning of a gzip file.
func gzipHead(t *testing.T, content []byte) []byte {
	t.Helper()
	packed := gzipped(t, string(content)+strings.Repeat("more ", 1<<12))
	return []byte(packed)[:len(packed)-9] // without its end
}

// kernelsOf are kernels by their architecture.
func kernelsOf(t *testing.T) map[string][][]byte {
	return map[string][][]byte{
		arch.S390X:   {kernel(headSize)},
		arch.PPC64LE: {vmlinux()[:headSize], zImage()[:headSize]},
		arch.X86:     {headOf(t, bzImage)},
		arch.AArch64: {headOf(t, arm64Image), gzipHead(t, headOf(t, arm64Image)), headOf(t, zboot)},
	}
}

// TestCheckKernelOf holds that a kernel of one architecture is none of another, and what import says of it.
func TestCheckKernelOf(t *testing.T) {
	kernels := kernelsOf(t)
	for of, heads := range kernels {
		for i, head := range heads {
			for _, name := range Architectures {
				if err := CheckKernelOf(name, head); (err == nil) != (of == name) {
					t.Errorf("kernel %d of %s for %s: %v", i, of, name, err)
				}
			}
			var found Head
			if _, err := found.Write(head); err != nil || found.Arch() != of {
				t.Errorf("kernel %d of %s is one of %q (%v)", i, of, found.Arch(), err)
			}
		}
	}
	if len(kernels) != len(Architectures) {
		t.Errorf("there are kernels of %d architectures", len(kernels))
	}
}

func TestCheckKernelOfRefuses(t *testing.T) {
	for _, test := range []struct {
		name string // of the architecture
		head []byte
		want string
	}{
		{arch.X86, nil, "it is empty"},
		{arch.X86, html, "it is a web page"},
		{arch.X86, headOf(t, elfX86), "it is an ELF file, such as vmlinux; give the bzImage"},
		{arch.X86, kernel(headSize), `it is an s390x kernel; set arch to "s390x", or give the kernel of the x86_64 port`},
		{arch.X86, headOf(t, arm64Image), `it is an arm64 kernel; set arch to "aarch64", or give the kernel of the x86_64 port`},
		{arch.X86, headOf(t, zboot), `it is an arm64 kernel; set arch to "aarch64"`},
		{arch.X86, headOf(t, shim), "it is an EFI program, such as a boot loader (shim, GRUB); give the bzImage, and publish boot loaders with files of the netboot_tftp_root"},
		{arch.X86, gzipHead(t, headOf(t, bzImage)), "it is a gzip file; give the unpacked bzImage"},
		{arch.X86, []byte("\xfd7zXZ\x00"), "it is an xz file; give the unpacked bzImage, and check that this is not the initrd"},
		{arch.X86, []byte("070701"), "it is a cpio archive, an initrd"},
		{arch.X86, fake(headSize, isoOffset, isoMagic), "it is an ISO image"},
		{arch.X86, make([]byte, headSize), `there is no "HdrS" at offset 0x202; give the bzImage`},
		{arch.X86, headOf(t, bzImage)[:0x204], `it is an EFI program`},
		{arch.AArch64, headOf(t, bzImage), `it is an x86 kernel; set arch to "x86_64", or give the kernel of the aarch64 port`},
		{arch.AArch64, headOf(t, shim), "it is an EFI program, such as a boot loader (shim, GRUB); give the Image"},
		{arch.AArch64, headOf(t, grub), "it is an EFI program"},
		{arch.AArch64, headOf(t, zbootRISCV), "it is an EFI program"},
		{arch.AArch64, headOf(t, zboot)[:60], "it is an EFI program"},
		{arch.AArch64, headOf(t, elfX86), "it is an ELF file, such as vmlinux; give the Image"},
		{arch.AArch64, gzipHead(t, []byte("070701")), "it is a gzip file; give the unpacked Image"},
		{arch.AArch64, []byte("\x1f\x8b"), "it is a gzip file"},
		{arch.PPC64LE, gzipHead(t, vmlinux()), "it is a gzip file; give the unpacked vmlinux"},
		{arch.PPC64LE, kernel(headSize), `it is an s390x kernel; set arch to "s390x", or give the kernel of the ppc64le port`},
		{arch.PPC64LE, headOf(t, bzImage), `it is an x86 kernel; set arch to "x86_64"`},
		{arch.PPC64LE, headOf(t, elfX86), "it is an ELF file for another architecture (X86_64)"},
		{arch.PPC64LE, headOf(t, grub), "it is an EFI program"},
	} {
		err := CheckKernelOf(test.name, test.head)
		expectError(t, err, "not a kernel for "+test.name+": "+test.want)
	}
	for want, head := range map[string][]byte{
		"it is an x86 kernel; give the kernel of the s390x port": headOf(t, bzImage),
		"it is an arm64 kernel":                                  headOf(t, arm64Image),
		"it is a PE (EFI) program":                               headOf(t, zboot),
		"it is a gzip file":                                      gzipHead(t, headOf(t, arm64Image)),
		"it is an ELF file":                                      vmlinux()[:headSize],
	} {
		expectError(t, CheckKernelOf(arch.S390X, head), "not an s390x kernel: "+want)
	}
}

// TestCheckInitrdRefusesKernels holds that a kernel is not taken for an initrd, except a packed one.
func TestCheckInitrdRefusesKernels(t *testing.T) {
	for name, heads := range kernelsOf(t) {
		expectError(t, CheckInitrd(heads[0]), "check that kernel and initrd are not swapped")
		if name == arch.AArch64 && CheckInitrd(heads[1]) != nil {
			t.Error("a gzip file is no initrd")
		}
	}
}

func FuzzCheckKernelOf(f *testing.F) {
	f.Add([]byte("MZ\x00\x00zimg"))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Add(vmlinux()[:200])
	f.Fuzz(func(t *testing.T, head []byte) {
		for _, name := range Architectures {
			if CheckKernelOf(name, head) == nil && len(head) < 16 {
				t.Errorf("%q is a kernel of %s", head, name)
			}
		}
	})
}
