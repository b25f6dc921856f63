package lab

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Wire stands between a client and a host's libvirtd. It counts the calls that go through, makes the
// way as long as one wants, and holds back what one wants.
type Wire struct {
	URI string // for a client on this machine

	listener net.Listener
	target   string        // libvirtd's socket
	delay    time.Duration // for one way
	calls    atomic.Int64

	mu    sync.Mutex
	holds func(packet []byte) bool // nil for nothing
	held  []func()                 // what sends it after all
}

// NewWire starts a wire to the host, by which an answer takes a round trip longer.
func NewWire(h *Host, name string, roundTrip time.Duration) (*Wire, error) {
	target, err := url.Parse(h.URI)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(h.Dir, name) // short enough for a socket's path
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	w := &Wire{
		URI:      "qemu+unix:///system?socket=" + socket,
		listener: listener,
		target:   target.Query().Get("socket"),
		delay:    roundTrip / 2,
	}
	go w.serve()
	return w, nil
}

// Calls is how many calls went through since it was last asked, on all connections.
func (w *Wire) Calls() int { return int(w.calls.Swap(0)) }

// Close takes no new connections; those that are there go on until one of their sides ends.
func (w *Wire) Close() error { return w.listener.Close() }

func (w *Wire) serve() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", w.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		go w.pass(server, client, &w.calls)
		go w.pass(client, server, nil)
	}
}

// Hold holds back the packets that a function chooses, from either side, until they are released.
func (w *Wire) Hold(chosen func(packet []byte) bool) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds = chosen
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, send := range w.held {
			send()
		}
		w.holds, w.held = nil, nil
	}
}

// Everything is for Hold: the host has lost its power, or the cable was cut.
func Everything([]byte) bool { return true }

// Answers is for Hold: libvirtd is slow, but it is there.
func Answers(packet []byte) bool {
	return binary.BigEndian.Uint32(packet[4:]) == remoteProgram && binary.BigEndian.Uint32(packet[16:]) == typeReply
}

// pass ends both connections when either does.
func (w *Wire) pass(to, from net.Conn, calls *atomic.Int64) {
	_ = relay(holding{w, to}, from, w.delay, calls)
	_ = errors.Join(to.Close(), from.Close())
}

// holding writes packets that are not held back.
type holding struct {
	wire *Wire
	to   io.Writer
}

func (h holding) Write(packet []byte) (int, error) {
	h.wire.mu.Lock()
	defer h.wire.mu.Unlock()
	if h.wire.holds == nil || !h.wire.holds(packet) {
		return h.to.Write(packet)
	}
	h.wire.held = append(h.wire.held, func() { _, _ = h.to.Write(packet) })
	return len(packet), nil
}

// relay copies packets, each some time after it came, and counts the calls among them, where asked to.
func relay(to io.Writer, from io.Reader, delay time.Duration, calls *atomic.Int64) error {
	type late struct {
		due    time.Time
		packet []byte
	}
	onTheWay := make(chan late, 1024)
	read := make(chan error, 1)
	go func() {
		defer close(onTheWay)
		for {
			packet, err := readPacket(from)
			if err != nil {
				read <- err
				return
			}
			if calls != nil && isCall(packet) {
				calls.Add(1)
			}
			onTheWay <- late{time.Now().Add(delay), packet}
		}
	}()
	var err error
	for l := range onTheWay {
		time.Sleep(time.Until(l.due))
		if err == nil {
			_, err = to.Write(l.packet)
		}
	}
	return errors.Join(err, <-read)
}

// readPacket reads one packet, which begins with its own length.
func readPacket(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(length[:])
	if size < packetHeader || size > maxPacket {
		return nil, errors.New("this is not libvirt's protocol")
	}
	packet := make([]byte, size)
	copy(packet, length[:])
	_, err := io.ReadFull(from, packet[len(length):])
	return packet, err
}

// Of libvirt's src/rpc/virnetprotocol.x: a packet has its length, the program, its version, the
// procedure, the type, a serial and a status.
const (
	packetHeader  = 28
	maxPacket     = 32 << 20
	remoteProgram = 0x20008086
	typeCall      = 0
	typeReply     = 1
)

func isCall(packet []byte) bool {
	return binary.BigEndian.Uint32(packet[4:]) == remoteProgram && binary.BigEndian.Uint32(packet[16:]) == typeCall
}
