package image

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/loader"
)

// Architectures are the architectures that CheckKernelOf knows.
var Architectures = arch.Names()

// CheckKernelOf is CheckKernel for a kernel of any architecture in Architectures: a file that the guest's boot loader or QEMU boots.
func CheckKernelOf(name string, head []byte) error {
	if name == arch.S390X || !slices.Contains(Architectures, name) {
		return CheckKernel(head)
	}
	err := checkBootFile(head)
	switch {
	case err != nil:
	case name == arch.PPC64LE && hasAt(head, 0, elf.ELFMAG):
		err = checkPowerKernel(head)
	case !boots(name, head):
		err = foreignKernel(name, head)
	}
	if err != nil {
		return fmt.Errorf("not a kernel for %s: %w", name, err)
	}
	return nil
}

// boots tells whether a file is a kernel of the architecture. A kernel for arm64 has three forms: an Image, an Image in a gzip file,
// which GRUB and QEMU unpack, and an EFI zboot, an EFI program that unpacks itself, which GRUB starts (all measured with the GRUB 2.06
// and 2.12 of Debian, over TFTP).
func boots(name string, head []byte) bool {
	mark := arch.Of(name).Kernel
	return mark.In(head) || name == arch.AArch64 && (isZboot(head) || mark.In(unzipped(head)))
}

// isZboot follows Linux drivers/firmware/efi/libstub/zboot-header.S. Other architectures have the same form.
func isZboot(head []byte) bool {
	return hasAt(head, 0, efiMagic) && hasAt(head, 4, "zimg") && loader.EFIMachine(head) == pe.IMAGE_FILE_MACHINE_ARM64
}

const efiMagic = "MZ"

// unzipped is the beginning of what a gzip file contains; nil for any other file.
func unzipped(head []byte) []byte {
	unpacked, err := gzip.NewReader(bytes.NewReader(head))
	if err != nil {
		return nil
	}
	content := make([]byte, 4096)
	n, _ := io.ReadFull(unpacked, content) // the end of the file is missing
	return content[:n]
}

// kernelIn returns the architecture whose kernel, or whose vmlinux, a file is.
func kernelIn(head []byte) (arch.Arch, bool) {
	at := slices.IndexFunc(arch.All, func(a arch.Arch) bool { return a.Kernel.In(head) })
	if at < 0 {
		return arch.Arch{}, false
	}
	return arch.All[at], true
}

// foreignKernel says what a file is that is not a kernel of the architecture, and what to do.
func foreignKernel(name string, head []byte) error {
	mark := arch.Of(name).Kernel
	other, isKernel := kernelIn(head)
	packed := foreignIn(head, packedFiles)
	switch {
	case hasAt(head, 0, elf.ELFMAG):
		return fmt.Errorf("it is an ELF file, such as vmlinux; give the %s", mark.Format)
	case isKernel || isZboot(head):
		if !isKernel {
			other = arch.Of(arch.AArch64)
		}
		return fmt.Errorf("it is %s; set arch to %q, or give the kernel of the %s port", other.Kernel.Foreign, other.Name, name)
	case hasAt(head, 0, efiMagic):
		return fmt.Errorf("it is an EFI program, such as a boot loader (shim, GRUB); give the %s, and publish boot loaders with files of the netboot_tftp_root", mark.Format)
	case packed != nil:
		return fmt.Errorf("it is %s; give the unpacked %s, and check that this is not the initrd", packed.what, mark.Format)
	case hasAt(head, 0, "07070"):
		return errors.New("it is a cpio archive, an initrd; check that kernel and initrd are not swapped")
	case hasAt(head, isoOffset, isoMagic):
		return errors.New("it is an ISO image; give the kernel that is in it")
	default:
		return fmt.Errorf("there is no %q at offset %#x; give the %s", mark.Magic, mark.Offset, mark.Format)
	}
}
