package pxelinux

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultFileName is the name that every reader tries last, for every guest.
const DefaultFileName = "default"

// nibble is the number of address bits in one digit of an IPv4 file name.
const nibble = 4

// FileName returns the name, below pxelinux.cfg/, of the file that a reader asks for, for a MAC address, a UUID, an IPv4
// address or prefix, or "default".
func FileName(guest string, by Reader) (string, error) {
	if guest == DefaultFileName {
		return DefaultFileName, nil
	}
	if name, err := MACFileName(guest); err == nil {
		return name, nil
	}
	if name, err := by.UUIDFileName(guest); err == nil || errors.Is(err, errZeroUUID) || errors.Is(err, errUnaskedUUID) {
		return name, err
	}
	if strings.Count(guest, ".") == 3 {
		return IPv4FileName(guest)
	}
	return "", fmt.Errorf("%q is neither a MAC address, a UUID, an IPv4 address or prefix, nor %q", guest, DefaultFileName)
}

// MACFileName returns the name for an Ethernet address in any usual notation.
//
// SLOF lib/libnet/pxelinux.c pxelinux_load_cfg(): "01-%02x-%02x-%02x-%02x-%02x-%02x", where 01 is
// Ethernet.
func MACFileName(mac string) (string, error) {
	address, err := net.ParseMAC(mac)
	if err != nil || len(address) != 6 {
		return "", fmt.Errorf("%q is not a MAC address; write six pairs of hexadecimal digits, such as 52:54:00:12:34:56", mac)
	}
	return "01-" + strings.ReplaceAll(address.String(), ":", "-"), nil
}

var errZeroUUID = errors.New("the firmware treats a UUID of zeros as no UUID, and never asks for its file")

// uuidSize is the length of a UUID with dashes, the longest name of a configuration except for option 209.
const uuidSize = 36

// UUIDFileName returns the name for the UUID of a guest, which may be written without dashes.
//
// QEMU pc-bios/s390-ccw/netmain.c get_uuid(): "%02x" in groups of 8-4-4-4-12; a UUID of zeros
// counts as no UUID.
func UUIDFileName(uuid string) (string, error) {
	raw, err := uuidBytes(uuid)
	if err != nil {
		return "", err
	}
	return uuidText(raw), nil
}

// uuidBytes are the bytes of a UUID, in the order in which it is written.
func uuidBytes(uuid string) (raw [16]byte, err error) {
	digits := uuid
	if len(uuid) == uuidSize && uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-' {
		digits = uuid[:8] + uuid[9:13] + uuid[14:18] + uuid[19:23] + uuid[24:]
	}
	decoded, err := hex.DecodeString(digits)
	if err != nil || len(decoded) != len(raw) {
		return raw, fmt.Errorf("%q is not a UUID; write 32 hexadecimal digits, such as 0a1b2c3d-0000-4000-8000-00000000002a", uuid)
	}
	raw = [16]byte(decoded)
	if raw == ([16]byte{}) {
		return raw, errZeroUUID
	}
	return raw, nil
}

func uuidText(raw [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// IPv4FileName returns the name for an address, or for all addresses of a prefix such as
// 192.168.150.0/24.
//
// SLOF lib/libnet/pxelinux.c pxelinux_load_cfg(): "%02X%02X%02X%02X", then one digit less at each
// attempt, so a prefix ends at a whole digit.
func IPv4FileName(address string) (string, error) {
	written := address
	if !strings.Contains(address, "/") {
		written += "/32"
	}
	prefix, err := netip.ParsePrefix(written)
	if err != nil || !prefix.Addr().Is4() {
		return "", fmt.Errorf("%q is not an IPv4 address or prefix; write one such as 192.168.150.7 or 192.168.150.0/24 (the firmware has no file names for IPv6)", address)
	}
	if prefix.Bits() == 0 {
		return "", fmt.Errorf("%q means every guest; the name for that is %q", address, DefaultFileName)
	}
	if prefix.Bits()%nibble != 0 {
		return "", unalignedError(prefix)
	}
	if prefix != prefix.Masked() {
		return "", fmt.Errorf("%q has bits set after the prefix; write %s for the network or %s for the single address", address, prefix.Masked(), prefix.Addr())
	}
	bytes := prefix.Addr().As4()
	return fmt.Sprintf("%X", bytes[:])[:prefix.Bits()/nibble], nil
}

// unalignedError names the nearest prefixes for a prefix that no file name can express.
func unalignedError(prefix netip.Prefix) error {
	narrow := netip.PrefixFrom(prefix.Masked().Addr(), (prefix.Bits()/nibble+1)*nibble)
	count := 1 << (narrow.Bits() - prefix.Bits())
	wide := fmt.Sprintf("%q for every guest", DefaultFileName)
	if bits := prefix.Bits() / nibble * nibble; bits > 0 {
		wide = netip.PrefixFrom(prefix.Addr(), bits).Masked().String() + " for more addresses"
	}
	return fmt.Errorf("%q does not end at a whole hexadecimal digit (four bits each); write %d files, beginning with %s, or one file, %s", prefix, count, narrow, wide)
}

// IPv4Of returns the address or prefix that a file with this name is for, the reverse of IPv4FileName.
// It returns "" for a name of another kind.
func IPv4Of(name string) string {
	if len(name) == 0 || len(name) > 8 || strings.Trim(name, "0123456789ABCDEF") != "" {
		return ""
	}
	bits, err := strconv.ParseUint(name+strings.Repeat("0", 8-len(name)), 16, 32)
	if err != nil {
		return ""
	}
	address := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(bits))))
	if len(name) == 8 {
		return address.String()
	}
	return netip.PrefixFrom(address, 4*len(name)).String()
}
