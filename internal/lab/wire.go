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
// way as long as one wants, holds back what one wants, cuts, and answers in libvirtd's place.
type Wire struct {
	URI string // for a client on this machine

	listener net.Listener
	target   string       // libvirtd's socket
	delay    atomic.Int64 // for one way, in nanoseconds
	calls    atomic.Int64

	mu     sync.Mutex
	holds  func(packet []byte) bool // nil for nothing
	held   []func()                 // what sends it after all
	judges func(packet []byte) Fate // nil for letting all pass
	open   map[net.Conn]bool        // both ends of each connection
}

// Fate is what becomes of a packet.
type Fate int

// Fates of a packet.
const (
	Passes  Fate = iota
	Cut          // it is lost, and every connection with it
	Refused      // a call, which libvirtd never sees: the wire answers that it failed
)

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
		open:     map[net.Conn]bool{},
	}
	w.SetRoundTrip(roundTrip)
	go w.serve()
	return w, nil
}

// Calls is how many calls went through since it was last asked, on all connections.
func (w *Wire) Calls() int { return int(w.calls.Swap(0)) }

// SetRoundTrip makes answers take so much longer from now on.
func (w *Wire) SetRoundTrip(roundTrip time.Duration) { w.delay.Store(int64(roundTrip / 2)) }

// Connections is how many of clients' connections are open.
func (w *Wire) Connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open) / 2
}

// Judge has a function decide what becomes of each packet, from either side; nil lets all pass.
func (w *Wire) Judge(judge func(packet []byte) Fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judges = judge
}

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

// Everything is for Hold: the host has lost its power, or the cable was cut.
func Everything([]byte) bool { return true }

// Answers is for Hold: libvirtd is slow, but it is there.
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

// way is one of the two ways of a connection. What is written to it goes where its fate has it go.
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

// decide is what becomes of a packet. It writes none itself, so that a side which does not read holds
// up its own way alone.
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

// relay copies packets, each some time after it came, and counts the calls among them, where asked to.
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

// IsCall tells calls from answers, events, what streams carry, and keepalives.
func IsCall(packet []byte) bool {
	return binary.BigEndian.Uint32(packet[4:]) == remoteProgram && binary.BigEndian.Uint32(packet[16:]) == typeCall
}

// RefusedText is what a wire says in the place of libvirtd.
const RefusedText = "the wire refuses this call"

// refusal is the answer that a call failed. Its body is a remote_error of libvirt's
// src/remote/remote_protocol.x, with the code VIR_ERR_OPERATION_FAILED and the level VIR_ERR_ERROR.
func refusal(call []byte) []byte {
	const operationFailed, levelError = 9, 2
	text := []byte(RefusedText)
	answer := binary.BigEndian.AppendUint32(nil, 0) // its length, when it is known
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
