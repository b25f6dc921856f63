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

// A host is taken for lost when it has said nothing for 15 s: by then it was asked three times whether
// it is there. libvirtd answers that from its event loop, however busy its workers are, as long as it
// reads the connection (maxCalls); libvirt src/rpc/virkeepalive.c.
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

// keepaliveConn is a connection that is closed when the host falls silent. What libvirtd answers to a ping
// goes on to go-libvirt, which drops it.
type keepaliveConn struct {
	net.Conn
	heard  atomic.Bool // since the last look
	silent atomic.Bool // is what it was closed for
	ending sync.Once

	writing sync.Mutex
	rest    int // bytes of a packet that is being written; pings go between packets
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

// Close ends the connection. Who looks after it and who uses it may both do so.
func (c *keepaliveConn) Close() (err error) {
	c.ending.Do(func() { err = c.Conn.Close() })
	return err
}

// watch asks the host from time to time whether it is there, until the connection has ended. It returns
// whether the host fell silent.
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

// ping writes between packets. While one cannot be written, the host owes an answer anyway.
func (c *keepaliveConn) ping() {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	if c.rest == 0 {
		_, _ = c.Conn.Write(ping)
	}
}

// streams are the streams of a host. They have connections of their own, on which a slow disk may
// keep libvirtd from reading, and so from answering a ping; when the control connection falls silent,
// they end with it.
type streams struct {
	connecting semaphore    // held while a stream connects
	transfers  semaphore    // held by uploads and downloads; a console may stay open for long and holds none
	finishing  atomic.Int32 // uploads during whose end libvirtd may be silent

	mu   sync.Mutex
	open context.Context
	end  context.CancelCauseFunc
}

// libvirtd takes 20 connections at once that are not authenticated yet (max_anonymous_clients), for all
// that it serves, and lets the others wait; of those that are, 5000. Each transfer is a thread and a
// queue of its own in libvirtd.
const (
	maxConnecting = 4
	maxTransfers  = 16
)

// context gives a context that ends with ctx, or when the host falls silent.
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

// endAll ends those that are open.
func (s *streams) endAll(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open != nil {
		s.end(cause)
		s.open = nil
	}
}

func (s *streams) mayBeSilent() bool { return s.finishing.Load() > 0 }
