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

// DerivedMAC is the MAC address of a guest's index-th interface if the user does not set one. It is derived from the guest's
// name, so that it is known in the plan and stays the same if the guest is created again.
// 52:54:00 is the prefix that QEMU and libvirt use for their guests.
func DerivedMAC(guest string, index int) string {
	if index > 0 {
		guest = fmt.Sprintf("%s/%d", guest, index)
	}
	sum := sha256.Sum256([]byte(guest))
	return net.HardwareAddr{0x52, 0x54, 0x00, sum[0], sum[1], sum[2]}.String()
}
