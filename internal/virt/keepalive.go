package virt

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A host is considered lost when it has sent nothing for 15 s. By then it was asked three times for a sign of life.
// libvirtd answers from its event loop, however busy its workers are, as long as it reads the connection (maxCalls);
// libvirt src/rpc/virkeepalive.c.
const (
	keepaliveInterval = 3 * time.Second
	keepalivePings    = 3
)

var errSilent = errors.New("the host is silent: it no longer answers libvirt's keepalive messages")

// ping is a message of libvirt's keepalive protocol: length, program, version, procedure, type, serial
// and status; libvirt src/rpc/virkeepaliveprotocol.x.
var ping = func() (packet []byte) {
	const keepaliveProgram, version, procedurePing, typeMessage = 0x6b656570, 1, 1, 2
	for _, field := range []uint32{28, keepaliveProgram, version, procedurePing, typeMessage, 0, 0} {
		packet = binary.BigEndian.AppendUint32(packet, field)
	}
	return packet
}()

// keepaliveConn is a connection that is closed when the host falls silent. libvirtd's answers to a ping are passed on
// to go-libvirt, which drops them.
type keepaliveConn struct {
	net.Conn
	heard  atomic.Bool // since the last check
	silent atomic.Bool // it was closed because the host was silent
	ending sync.Once

	writing sync.Mutex
	rest    int // remaining bytes of the packet that is being written; pings go between packets
}

func (c *keepaliveConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

func (c *keepaliveConn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.rest == 0 && len(p) >= 4 {
		c.rest = int(binary.BigEndian.Uint32(p))
	}
	n, err := c.Conn.Write(p)
	c.rest = max(0, c.rest-n)
	return n, err
}

// Close ends the connection. Both its watcher and its user may call it.
func (c *keepaliveConn) Close() (err error) {
	c.ending.Do(func() { err = c.Conn.Close() })
	return err
}

// watch regularly asks the host for a sign of life, until the connection has ended. It reports whether the host fell
// silent.
func (c *keepaliveConn) watch(interval time.Duration, ended <-chan struct{}, mayBeSilent func() bool) (silent bool) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for unanswered := 0; ; unanswered++ {
		select {
		case <-ended:
			return false
		case <-tick.C:
		}
		if c.heard.Swap(false) || mayBeSilent() {
			unanswered = -1
			continue
		}
		if unanswered == keepalivePings {
			c.silent.Store(true)
			_ = c.Close()
			return true
		}
		c.ping()
	}
}

// ping writes between packets. While a packet is being written, the host owes an answer anyway.
func (c *keepaliveConn) ping() {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	if c.rest == 0 {
		_, _ = c.Conn.Write(ping)
	}
}

// streams are the streams of a host. They have connections of their own. A slow disk may keep libvirtd from reading
// such a connection, and so from answering a ping. The streams end with the control connection when that falls
// silent.
type streams struct {
	connecting semaphore    // held while a stream connects
	transfers  semaphore    // held by uploads and downloads; not by a console, which may stay open for a long time
	finishing  atomic.Int32 // uploads that are ending, during which libvirtd may be silent

	mu   sync.Mutex
	open context.Context
	end  context.CancelCauseFunc
}

// libvirtd accepts 20 connections at a time that are not authenticated yet (max_anonymous_clients), from all of its
// clients, and lets the others wait. It accepts 5000 authenticated ones. Each transfer has a thread and a queue of
// its own in libvirtd.
const (
	maxConnecting = 4
	maxTransfers  = 16
)

// context returns a context that ends with ctx, or when the host falls silent.
func (s *streams) context(ctx context.Context) (context.Context, context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open, s.end = context.WithCancelCause(context.Background())
	}
	tied, cancel := context.WithCancelCause(ctx)
	open := s.open
	stop := context.AfterFunc(open, func() { cancel(context.Cause(open)) })
	return tied, func() { stop(); cancel(nil) }
}

// endAll ends all open streams.
func (s *streams) endAll(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		s.end(cause)
		s.open = nil
	}
}

func (s *streams) mayBeSilent() bool { return s.finishing.Load() > 0 }
