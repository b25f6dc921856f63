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
		return fmt.Errorf("%q is not a serial number, which has letters, digits, blanks, dots, hyphens, underscores and plus signs", value)
	}
	return nil
}

// checkURL accepts URLs whose protocol libvirt has for disks.
func checkURL(value string) error {
	scheme, rest, found := strings.Cut(value, "://")
	protocol, _, _ := strings.Cut(scheme, "+")
	switch {
	case strings.Contains(virt.UserOf(value), ":"):
		return fmt.Errorf("the URL has a password, which would stand in the guest's definition: leave it out, and name a libvirt secret in secret")
	case !found || !strings.Contains(rest, "/") || framework.HasInvisible(value):
		return fmt.Errorf("%q is not a URL of network storage, such as nbd://server:10809/export", value)
	case !slices.Contains(virt.RemoteProtocols(), protocol):
		return fmt.Errorf("%q is not a protocol of network storage; there are %s", protocol, strings.Join(virt.RemoteProtocols(), ", "))
	default:
		return nil
	}
}

// checkPCI accepts an address as lspci -D writes it and libvirt's layer reads it.
func checkPCI(value string) error {
	if !virt.IsPCI(value) {
		return fmt.Errorf("%q is not the address of a PCI device as lspci -D writes it, such as 0000:01:00.1", value)
	}
	return nil
}
