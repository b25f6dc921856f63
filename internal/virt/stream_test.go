package virt

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/digitalocean/go-libvirt/socket"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// TestStreamBeforeReply: libvirtd sends a stream's bytes from another thread than the reply to the call that opens
// the stream. For a small file, the real libvirtd sends the bytes first once in 300 times.
func TestStreamBeforeReply(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "libvirt-sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go hasty(listener)
	h, err := Open("qemu+unix:///system?socket=" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := h.Download(t.Context(), "pool", "volume", &got); err != nil || got.String() != "early, late" {
		t.Errorf("downloaded %q, %v", got.String(), err)
	}
}

// TestStreamCutByHost: a connection that libvirtd closes is also closed on this side.
func TestStreamCutByHost(t *testing.T) {
	ours, theirs := net.Pipe()
	closed := &closing{Conn: ours}
	h, err := Open("qemu:///system")
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{host: h, conn: closed, packets: make(chan packet), closed: make(chan struct{})}
	s.socket = socket.New(dialers.NewAlreadyConnected(closed), s)
	if err := s.socket.Connect(); err != nil {
		t.Fatal(err)
	}
	s.endWith(t.Context())
	_ = theirs.Close()
	<-s.socket.Disconnected()
	s.Close()
	if !closed.done.Load() {
		t.Error("the connection is left open")
	}
}

// closing is a connection that records whether it was closed.
type closing struct {
	net.Conn
	done atomic.Bool
}

func (c *closing) Close() error {
	c.done.Store(true)
	return c.Conn.Close()
}

// hasty is a libvirtd that begins a download before it replies.
func hasty(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go answerHastily(conn)
	}
}

func answerHastily(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		head := make([]byte, 28) // libvirt src/rpc/virnetprotocol.x, virNetMessageHeader after the length
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head))-28); err != nil {
			return
		}
		answer := func(kind, status uint32, payload []byte) {
			binary.BigEndian.PutUint32(head, uint32(28+len(payload)))
			binary.BigEndian.PutUint32(head[16:], kind)
			binary.BigEndian.PutUint32(head[24:], status)
			_, _ = conn.Write(append(head[:28:28], payload...))
		}
		switch binary.BigEndian.Uint32(head[12:]) {
		case procAuthList:
			answer(socket.Reply, socket.StatusOK, xdr{}.uint32(1).uint32(authNone))
		case procVolumeDownload:
			answer(socket.Stream, socket.StatusContinue, []byte("early, "))
			answer(socket.Reply, socket.StatusOK, nil)
			answer(socket.Stream, socket.StatusContinue, []byte("late"))
			answer(socket.Stream, socket.StatusContinue, nil)
		default:
			answer(socket.Reply, socket.StatusOK, nil)
		}
	}
}
