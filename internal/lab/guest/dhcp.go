//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"
	"unsafe"
)

// configureNetwork requests an address on the first network interface and sets it.
func configureNetwork() {
	names := networkInterfaces()
	if len(names) == 0 {
		say("dhcp: there is no network interface")
		return
	}
	if err := up(names[0]); err != nil {
		say("dhcp: unable to bring %s up: %v", names[0], err)
		return
	}
	lease, err := requestLease(names[0])
	if err != nil {
		say("dhcp: %v", err)
		return
	}
	if err := setAddress(names[0], lease); err != nil {
		say("dhcp: unable to give %s the address %s: %v", names[0], lease, err)
		return
	}
	say("dhcp=%s nic=%s", lease, names[0])
}

// The message types and options of DHCP that a client cannot do without (RFC 2131, RFC 2132).
const (
	discover, offer, request, acknowledge = 1, 2, 3, 5

	optionSubnetMask, optionRequestedAddress, optionMessageType, optionServer, optionEnd = 1, 50, 53, 54, 255
)

var magicCookie = []byte{99, 130, 83, 99}

// requestLease does DISCOVER, OFFER, REQUEST and ACK, with enough repetitions for a bridge to learn its
// ports.
func requestLease(nic string) (netip.Prefix, error) {
	socket, err := dhcpSocket(nic)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("unable to open a socket: %w", err)
	}
	mac, err := parseMAC(text("/sys/class/net/" + nic + "/address"))
	if err != nil {
		return netip.Prefix{}, err
	}
	for range 10 {
		offered, err := exchange(socket, mac, discover, offer, nil)
		if err != nil {
			continue
		}
		options := map[byte][]byte{
			optionRequestedAddress: offered.address,
			optionServer:           offered.options[optionServer],
		}
		if granted, err := exchange(socket, mac, request, acknowledge, options); err == nil {
			return granted.prefix()
		}
	}
	return netip.Prefix{}, errors.New("no server answered")
}

// dhcpSocket is bound to the interface, which has no address yet, and waits two seconds for an answer.
func dhcpSocket(nic string) (int, error) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return 0, err
	}
	wait := syscall.NsecToTimeval(int64(2 * time.Second))
	return socket, errors.Join(
		syscall.SetsockoptString(socket, syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, nic),
		syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_BROADCAST, 1),
		syscall.SetsockoptTimeval(socket, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait),
		syscall.Bind(socket, &syscall.SockaddrInet4{Port: 68}),
	)
}

func parseMAC(text string) ([]byte, error) {
	mac := make([]byte, 6)
	_, err := fmt.Sscanf(text, "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5])
	return mac, err
}

type answer struct {
	address []byte
	options map[byte][]byte
}

func (a answer) prefix() (netip.Prefix, error) {
	address, ok := netip.AddrFromSlice(a.address)
	mask := a.options[optionSubnetMask]
	if !ok || len(mask) != 4 {
		return netip.Prefix{}, errors.New("the server granted no address with a subnet mask")
	}
	bits := 0
	for m := binary.BigEndian.Uint32(mask); m != 0; m <<= 1 {
		bits++
	}
	return netip.PrefixFrom(address, bits), nil
}

// exchange sends one message to everyone and waits for an answer of the wanted type.
func exchange(socket int, mac []byte, kind, wanted byte, options map[byte][]byte) (answer, error) {
	everyone := &syscall.SockaddrInet4{Port: 67, Addr: [4]byte{255, 255, 255, 255}}
	if err := syscall.Sendto(socket, message(mac, kind, options), 0, everyone); err != nil {
		return answer{}, err
	}
	buffer := make([]byte, 1500)
	for {
		n, _, err := syscall.Recvfrom(socket, buffer, 0)
		if err != nil {
			return answer{}, err
		}
		if a, ok := parseAnswer(buffer[:n], mac); ok && bytes.Equal(a.options[optionMessageType], []byte{wanted}) {
			return a, nil
		}
	}
}

// The fixed part of a message: "op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr,
// giaddr, chaddr, sname, file", 236 bytes in all (RFC 2131, section 2).
const (
	fixedLength     = 236
	offsetXID       = 4
	offsetFlags     = 10
	offsetYourIP    = 16
	offsetClientMAC = 28
)

func message(mac []byte, kind byte, options map[byte][]byte) []byte {
	fixed := make([]byte, fixedLength)
	copy(fixed, []byte{1, 1, 6})     // a request, on Ethernet, with addresses of 6 bytes
	copy(fixed[offsetXID:], mac[2:]) // one client asks one question at a time: no need for a random number
	fixed[offsetFlags] = 0x80        // answer by broadcast, because the guest has no address yet
	copy(fixed[offsetClientMAC:], mac)
	m := slices.Concat(fixed, magicCookie, []byte{optionMessageType, 1, kind})
	for code, value := range options {
		m = append(m, code, byte(len(value)))
		m = append(m, value...)
	}
	return append(m, optionEnd)
}

// parseAnswer reads a server's message to this guest, and returns false for any other message.
func parseAnswer(m, mac []byte) (answer, bool) {
	if len(m) < fixedLength+len(magicCookie) || !bytes.Equal(m[offsetClientMAC:][:6], mac) {
		return answer{}, false
	}
	a := answer{address: bytes.Clone(m[offsetYourIP:][:4]), options: map[byte][]byte{}}
	rest := m[fixedLength+len(magicCookie):]
	for len(rest) >= 2 && rest[0] != optionEnd {
		length := int(rest[1])
		if len(rest) < 2+length {
			return answer{}, false
		}
		a.options[rest[0]] = bytes.Clone(rest[2:][:length])
		rest = rest[2+length:]
	}
	return a, true
}

// interfaceRequest is the kernel's struct ifreq with a union of the size that all of its calls take.
type interfaceRequest struct {
	name [syscall.IFNAMSIZ]byte
	data [24]byte
}

func up(nic string) error {
	flags := make([]byte, 2)
	binary.NativeEndian.PutUint16(flags, syscall.IFF_UP)
	return configure(nic, syscall.SIOCSIFFLAGS, flags)
}

func setAddress(nic string, address netip.Prefix) error {
	mask := make([]byte, 4)
	binary.BigEndian.PutUint32(mask, ^uint32(0)<<(32-address.Bits()))
	return errors.Join(
		configure(nic, syscall.SIOCSIFADDR, socketAddress(address.Addr().AsSlice())),
		configure(nic, syscall.SIOCSIFNETMASK, socketAddress(mask)),
	)
}

// socketAddress is the kernel's struct sockaddr_in with no port.
func socketAddress(ip []byte) []byte {
	address := make([]byte, 8)
	binary.NativeEndian.PutUint16(address, syscall.AF_INET)
	copy(address[4:], ip)
	return address
}

func configure(nic string, call uintptr, data []byte) error {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer func() { _ = syscall.Close(socket) }()
	var r interfaceRequest
	copy(r.name[:], nic)
	copy(r.data[:], data)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), call, uintptr(unsafe.Pointer(&r))); errno != 0 {
		return errno
	}
	return nil
}
