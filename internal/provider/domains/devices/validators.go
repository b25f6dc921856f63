package devices

import (
	"fmt"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

var (
	serial     = framework.Rule{What: "serial number", Check: checkSerial}
	remoteURL  = framework.Rule{What: "url", Check: checkURL}
	mdevUUID   = framework.Rule{What: "UUID", Check: checkUUID}
	pciAddress = framework.Rule{What: "address of a PCI device", Check: checkPCI}
)

// checkSerial accepts the serial numbers that libvirt takes for a disk of every kind: src/qemu/qemu_validate.c,
// QEMU_SERIAL_PARAM_ACCEPTED_CHARS.
func checkSerial(value string) error {
	if value == "" || len(value) > 100 || strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .+-") != "" {
		return fmt.Errorf("%q is not a serial number: use up to 100 letters, digits, spaces, dots, hyphens, underscores and plus signs", value)
	}
	return nil
}

// checkURL accepts URLs whose protocol libvirt has for disks.
func checkURL(value string) error {
	scheme, rest, found := strings.Cut(value, "://")
	protocol, _, _ := strings.Cut(scheme, "+")
	switch {
	case strings.Contains(virt.UserOf(value), ":"):
		return fmt.Errorf("the URL contains a password, which would be in the guest's definition: remove it from the URL, and set secret to a libvirt secret")
	case !found || !strings.Contains(rest, "/") || framework.HasInvisible(value):
		return fmt.Errorf("%q is not a URL of network storage, such as nbd://server:10809/export", value)
	case !slices.Contains(virt.RemoteProtocols(), protocol):
		return fmt.Errorf("%q is not a protocol for network storage; use one of %s", protocol, strings.Join(virt.RemoteProtocols(), ", "))
	default:
		return nil
	}
}

// checkPCI accepts an address in the format of lspci -D, which package virt reads.
func checkPCI(value string) error {
	if !virt.IsPCI(value) {
		return fmt.Errorf("%q is not the address of a PCI device in the format of lspci -D, such as 0000:01:00.1", value)
	}
	return nil
}
