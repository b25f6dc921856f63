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

// Wire is a proxy between a client and a host's libvirtd. It counts calls, adds a delay, holds back packets,
// cuts connections, and answers instead of libvirtd.
type Wire struct {
	URI string // for a client on this machine

	listener net.Listener
	target   string       // libvirtd's socket
	delay    atomic.Int64 // in one direction, in nanoseconds
	calls    atomic.Int64

	mu     sync.Mutex
	holds  func(packet []byte) bool // nil to hold nothing
	held   []func()                 // functions that send the held packets
	judges func(packet []byte) Fate // nil to let all packets pass
	open   map[net.Conn]bool        // both ends of each connection
}

// Fate is what happens to a packet.
type Fate int

// Fates of a packet.
const (
	Passes  Fate = iota
	Cut          // it is lost, and every connection is closed
	Refused      // it is a call that libvirtd never gets: the wire answers that it failed
)

// NewWire starts a wire to the host, which delays answers by the round trip.
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
		open:     map[net.Conn]bool{},
	}
	w.SetRoundTrip(roundTrip)
	go w.serve()
	return w, nil
}

// Calls returns the number of calls since the last call of Calls, on all connections.
func (w *Wire) Calls() int { return int(w.calls.Swap(0)) }

// SetRoundTrip sets the delay of answers from now on.
func (w *Wire) SetRoundTrip(roundTrip time.Duration) { w.delay.Store(int64(roundTrip / 2)) }

// Connections returns the number of open connections of clients.
func (w *Wire) Connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open) / 2
}

// Judge sets the function that decides what happens to each packet, from either side; nil lets all pass.
func (w *Wire) Judge(judge func(packet []byte) Fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judges = judge
}

// Close stops accepting connections. Existing connections continue until one side ends.
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
		w.mu.Lock()
		w.open[client], w.open[server] = true, true
		w.mu.Unlock()
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

// Everything is for Hold, and simulates a host without power, or a cut cable.
func Everything([]byte) bool { return true }

// Answers is for Hold, and simulates a slow libvirtd.
func Answers(packet []byte) bool {
	return binary.BigEndian.Uint32(packet[4:]) == remoteProgram && binary.BigEndian.Uint32(packet[16:]) == typeReply
}

// pass ends both connections when either does.
func (w *Wire) pass(to, from net.Conn, calls *atomic.Int64) {
	_ = relay(way{w, to, from}, from, &w.delay, calls)
	_ = errors.Join(to.Close(), from.Close())
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, to)
	delete(w.open, from)
}

// way is one of the two directions of a connection. A packet that is written to it is handled by its fate.
type way struct {
	wire     *Wire
	to, from net.Conn
}

func (y way) Write(packet []byte) (int, error) {
	switch fate, isHeld := y.decide(packet); {
	case isHeld:
		return len(packet), nil
	case fate == Cut:
		return 0, net.ErrClosed
	case fate == Refused:
		return y.from.Write(refusal(packet))
	default:
		return y.to.Write(packet)
	}
}

// decide returns what happens to a packet. It writes no packet itself, so that a side that does not read
// blocks only its own direction.
func (y way) decide(packet []byte) (fate Fate, isHeld bool) {
	y.wire.mu.Lock()
	defer y.wire.mu.Unlock()
	if y.wire.holds != nil && y.wire.holds(packet) {
		y.wire.held = append(y.wire.held, func() { _, _ = y.to.Write(packet) })
		return Passes, true
	}
	if y.wire.judges != nil {
		fate = y.wire.judges(packet)
	}
	if fate == Cut {
		for conn := range y.wire.open {
			_ = conn.Close()
		}
	}
	return fate, false
}

// relay copies packets, each after the delay, and counts the calls among them if calls is not nil.
func relay(to io.Writer, from io.Reader, delay, calls *atomic.Int64) error {
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
			if calls != nil && IsCall(packet) {
				calls.Add(1)
			}
			onTheWay <- late{time.Now().Add(time.Duration(delay.Load())), packet}
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
	statusError   = 1
)

// IsCall tells whether a packet is a call, and not an answer, an event, stream data or a keepalive.
func IsCall(packet []byte) bool {
	return binary.BigEndian.Uint32(packet[4:]) == remoteProgram && binary.BigEndian.Uint32(packet[16:]) == typeCall
}

// RefusedText is the error message that a wire sends instead of libvirtd.
const RefusedText = "the wire refuses this call"

// refusal is the answer that a call failed. Its body is a remote_error of libvirt's
// src/remote/remote_protocol.x, with the code VIR_ERR_OPERATION_FAILED and the level VIR_ERR_ERROR.
func refusal(call []byte) []byte {
	const operationFailed, levelError = 9, 2
	text := []byte(RefusedText)
	answer := binary.BigEndian.AppendUint32(nil, 0) // its length is set below
	answer = append(answer, call[4:packetHeader]...)
	binary.BigEndian.PutUint32(answer[16:], typeReply)
	binary.BigEndian.PutUint32(answer[24:], statusError)
	for _, field := range []uint32{operationFailed, 0, 1, uint32(len(text))} {
		answer = binary.BigEndian.AppendUint32(answer, field)
	}
	answer = append(answer, text...)
	answer = append(answer, make([]byte, (4-len(text)%4)%4)...)
	for _, field := range []uint32{levelError, 0, 0, 0, 0, 0, 0, 0} { // no object, three strings, two numbers, no network
		answer = binary.BigEndian.AppendUint32(answer, field)
	}
	binary.BigEndian.PutUint32(answer, uint32(len(answer)))
	return answer
}
