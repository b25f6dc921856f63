package virt

import (
	"github.com/beevik/etree"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/arch"
)

// Values of Domain.Firmware.
const (
	FirmwareBIOS   = "bios"        // SeaBIOS
	FirmwareUEFI   = "uefi"        // EDK II without secure boot
	FirmwareSecure = "uefi-secure" // EDK II with secure boot, and with the keys of Microsoft and of the distributions
)

// machineFor returns the machine type of a new domain that does not name one, or "" if libvirt's default can boot.
func (d Domain) machineFor() string {
	if d.Arch == arch.X86 && d.isUEFI() {
		return "q35" // the only machine with secure boot: libvirt src/qemu/qemu_validate.c, qemuValidateDomainDefOSLoader
	}
	return arch.Of(d.Arch).Machine
}

func (d Domain) isUEFI() bool { return IsUEFI(d.Firmware) }

// IsUEFI reports whether a value of Domain.Firmware is UEFI.
func IsUEFI(firmware string) bool { return firmware == FirmwareUEFI || firmware == FirmwareSecure }

// addFirmware writes the firmware of a new domain. It never changes later, because libvirt keeps the settings of UEFI in a file of the
// domain. https://libvirt.org/formatdomain.html#bios-bootloader
func (d Domain) addFirmware(root *etree.Element) {
	if d.Firmware == "" {
		return
	}
	os := child(root, "os")
	switch d.Firmware {
	case FirmwareBIOS:
		// Everything that SeaBIOS, the ROM of the network card and PXELINUX write is then on the serial console.
		os.CreateElement("bios").CreateAttr("useserial", "yes")
	case FirmwareUEFI:
		os.CreateAttr("firmware", "efi")
		addFirmwareFeature(os, "secure-boot", "no")
	case FirmwareSecure:
		os.CreateAttr("firmware", "efi")
		addFirmwareFeature(os, "secure-boot", "yes")
		addFirmwareFeature(os, "enrolled-keys", "yes")
		os.CreateElement("loader").CreateAttr("secure", "yes")
		if d.Arch == arch.X86 {
			child(root, "features").CreateElement("smm").CreateAttr("state", "on")
		}
	}
}

func addFirmwareFeature(os *etree.Element, name, enabled string) {
	feature := child(os, "firmware").CreateElement("feature")
	feature.CreateAttr("enabled", enabled)
	feature.CreateAttr("name", name)
}

// parseFirmware reads the firmware. It is "" for a machine with a firmware of its own.
func parseFirmware(root *etree.Element, of string) string {
	os := root.SelectElement("os").NotNil()
	loader := os.SelectElement("loader").NotNil()
	switch isEFI := attr(os, "firmware") == "efi" || attr(loader, "type") == "pflash"; {
	case isEFI && (attr(loader, "secure") == "yes" || os.FindElement("firmware/feature[@name='secure-boot'][@enabled='yes']") != nil):
		return FirmwareSecure
	case isEFI:
		return FirmwareUEFI
	default:
		return arch.Of(of).FirmwareOf(FirmwareBIOS)
	}
}

// addNoROM keeps QEMU's iPXE ROM out of a PC with UEFI: Debian's shim does not start from it. EDK II itself then boots from the network.
func (d Domain) addNoROM(nic *etree.Element) {
	if d.Arch == arch.X86 && d.isUEFI() {
		nic.CreateElement("rom").CreateAttr("enabled", "no")
	}
}
