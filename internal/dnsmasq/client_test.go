package dnsmasq_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/dnsmasq"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"golang.org/x/sys/unix"
)

// client is a network card on a bridge, without an address, that sends messages for any guest.
type client struct {
	socket int
	card   int // its index
	last   uint32
}

// newClient plugs a card into a bridge of the host.
func newClient(t *testing.T, host *lab.Host, bridge string) *client {
	t.Helper()
	port, card := bridge+"-port", bridge+"-card"
	for _, change := range []string{
		"add " + port + " up type veth peer name " + card,
		"set " + card + " up",
		"set " + port + " master " + bridge,
	} {
		if _, err := host.Exec(t.Context(), append([]string{"ip", "link"}, strings.Fields(change)...)...); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _, _ = host.Exec(context.Background(), "ip", "link", "delete", port) })
	c := &client{}
	if err := inNetwork(host, func() error { return c.open(card) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(c.socket) })
	return c
}

// inNetwork runs f in the host's network namespace.
func inNetwork(host *lab.Host, f func() error) error {
	listener, err := host.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // it is never unlocked, because this thread cannot be used for anything else
		if err := enterNetwork(listener); err != nil {
			result <- err
			return
		}
		result <- f()
	}()
	return <-result
}

// enterNetwork moves the thread into the network namespace of a socket.
func enterNetwork(listener net.Listener) error {
	conn, ok := listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no socket", listener)
	}
	socket, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var entered error
	err = socket.Control(func(fd uintptr) {
		var namespace int
		if namespace, entered = unix.IoctlRetInt(int(fd), unix.SIOCGSKNS); entered == nil {
			entered = errors.Join(unix.Setns(namespace, unix.CLONE_NEWNET), unix.Close(namespace))
		}
	})
	return errors.Join(err, entered)
}

// open opens a socket below IP, because the card has no address yet.
func (c *client) open(card string) error {
	device, err := net.InterfaceByName(card)
	if err != nil {
		return err
	}
	c.card = device.Index
	if c.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	return errors.Join(
		unix.Bind(c.socket, &unix.SockaddrLinklayer{Protocol: etherTypeIPv4, Ifindex: c.card}),
		unix.SetsockoptTimeval(c.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}),
	)
}

// etherTypeIPv4 is ETH_P_IP in the order of the network.
var etherTypeIPv4 = binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP))

// DHCP's messages and options: RFC 2132, 4578 and 5071.
const (
	discover, request = 1, 3

	optionAddress  = 50
	optionType     = 53
	optionServer   = 54
	optionRequests = 55
	optionArch     = 93
)

// s390x firmware requests these options in its first message. Guests do not get 209 and 210 because of a request.
var requests = dhcpOption(optionRequests, 1, 3, 6, 66, 67, 93)

func dhcpOption(number byte, value ...byte) []byte {
	return append([]byte{number, byte(len(value))}, value...)
}

// dhcpArch is option 93.
func dhcpArch(number uint16) []byte {
	return dhcpOption(optionArch, binary.BigEndian.AppendUint16(nil, number)...)
}

// answer is the answer of a server.
type answer struct {
	address, next []byte
	file          string
	options       map[byte][]byte
}

// told is the answer as a rule.
func (a answer) rule() dnsmasq.Rule {
	return dnsmasq.Rule{
		Bootfile:   a.file + string(a.options[67]),
		NextServer: net.IP(a.next).String() + string(a.options[66]),
		ConfigFile: string(a.options[209]),
		PathPrefix: string(a.options[210]),
	}
}

// ask broadcasts a message of a guest and waits for the answer. Like any client, it repeats the message.
func (c *client) ask(t *testing.T, kind byte, mac string, options ...[]byte) answer {
	t.Helper()
	c.last++
	packet := dhcpPacket(c.last, mac, append(options, dhcpOption(optionType, kind), requests))
	broadcast := unix.SockaddrLinklayer{Protocol: etherTypeIPv4, Ifindex: c.card, Halen: 6, Addr: [8]byte{255, 255, 255, 255, 255, 255}}
	for range 10 {
		if err := unix.Sendto(c.socket, packet, 0, &broadcast); err != nil {
			t.Fatal(err)
		}
		if answer, ok := c.receive(c.last); ok {
			return answer
		}
	}
	t.Fatalf("there is no answer to the guest %s", mac)
	return answer{}
}

// receive waits a second for the answer with this number.
func (c *client) receive(number uint32) (answer, bool) {
	packet := make([]byte, 2048)
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		n, _, err := unix.Recvfrom(c.socket, packet, 0)
		if err != nil {
			continue
		}
		if answer, ok := parseDHCP(packet[min(n, headers):n], number); ok {
			return answer, true
		}
	}
	return answer{}, false
}

// headers are the headers of IPv4 and UDP.
const headers = 20 + 8

// dhcpPacket is a broadcast without a source address: RFC 791, 768 and 2131.
func dhcpPacket(number uint32, mac string, options [][]byte) []byte {
	address, _ := net.ParseMAC(mac)
	message := []byte{1, 1, 6, 0} // a request over Ethernet
	message = binary.BigEndian.AppendUint32(message, number)
	message = append(message, 0, 0, 0x80, 0) // to be answered by a broadcast
	message = append(message, make([]byte, 4*4)...)
	message = append(message, address...)
	message = append(message, make([]byte, cookie-len(message))...)
	message = append(message, 0x63, 0x82, 0x53, 0x63)
	message = append(message, bytes.Join(options, nil)...)
	message = append(message, 255)

	packet := []byte{0x45, 0}
	packet = binary.BigEndian.AppendUint16(packet, uint16(headers+len(message)))
	packet = append(packet, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255)
	binary.BigEndian.PutUint16(packet[10:], checksum(packet))
	packet = append(packet, 0, 68, 0, 67)
	packet = binary.BigEndian.AppendUint16(packet, uint16(8+len(message)))
	packet = append(packet, 0, 0) // no checksum
	return append(packet, message...)
}

// cookie is the position of the cookie in a message, before its options.
const cookie = 236

func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	return ^uint16(sum>>16 + sum&0xffff)
}

// parseDHCP reads an answer to the request with this number.
func parseDHCP(message []byte, number uint32) (answer, bool) {
	if len(message) < cookie+4 || message[0] != 2 || binary.BigEndian.Uint32(message[4:]) != number {
		return answer{}, false
	}
	file, _, _ := bytes.Cut(message[108:cookie], []byte{0})
	a := answer{message[16:20], message[20:24], string(file), map[byte][]byte{}}
	for options := message[cookie+4:]; len(options) > 1 && options[0] != 255; {
		size := 2 + int(options[1])
		a.options[options[0]] = options[2:min(size, len(options))]
		options = options[min(size, len(options)):]
	}
	return a, true
}
