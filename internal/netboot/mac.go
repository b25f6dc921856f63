package netboot

import (
	"crypto/sha256"
	"fmt"
	"net"
)

// CanonicalMAC is a MAC address as libvirt writes it: lower case, with colons.
func CanonicalMAC(mac string) string {
	parsed, err := net.ParseMAC(mac)
	if err != nil {
		return mac
	}
	return parsed.String()
}

// DerivedMAC is the MAC address of a guest's index-th interface where the user gives none. It
// follows from the guest's name, so that it is known at plan and the same after a new creation.
// 52:54:00 is the prefix that QEMU and libvirt use for their guests.
func DerivedMAC(guest string, index int) string {
	if index > 0 {
		guest = fmt.Sprintf("%s/%d", guest, index)
	}
	sum := sha256.Sum256([]byte(guest))
	return net.HardwareAddr{0x52, 0x54, 0x00, sum[0], sum[1], sum[2]}.String()
}
