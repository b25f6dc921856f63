package virt

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// Numbers of libvirt's remote protocol: libvirt src/remote/remote_protocol.x and
// src/rpc/virnetprotocol.x.
const (
	remoteProgram = 0x20008086

	procConnectOpen    = 1
	procAuthList       = 66
	procAuthPolkit     = 70
	procOpenConsole    = 201
	procVolumeUpload   = 208
	procVolumeDownload = 209
	procVolumeInfo     = 378

	authNone   = 0
	authPolkit = 2

	streamHole   = 6 // a packet type in addition to those of go-libvirt's socket.Stream
	sparseStream = 1 // the flag of an upload that may have holes
)

// streamCalls are the calls that open a stream.
var streamCalls = map[uint32]string{
	procOpenConsole:    "virDomainOpenConsole",
	procVolumeUpload:   "virStorageVolUpload",
	procVolumeDownload: "virStorageVolDownload",
}

// stream is a connection to libvirtd that carries exactly one libvirt stream. It may be slow without effect on calls,
// and closing ends it at once. go-libvirt's own streams share the control connection, have no context, and hang if
// the connection is lost in an upload. HAZARDS.md, "Streams", has what libvirtd does with streams that fail.
type stream struct {
	host    *Host
	conn    net.Conn
	socket  *socket.Socket
	packets chan packet // unbuffered, so that a slow reader slows down libvirtd and does not use memory
	closing sync.Once
	closed  chan struct{} // ends Route when no one reads any longer
	begun   atomic.Bool   // libvirtd was asked to open the stream, and has not refused
	ending  sync.Once
	ended   chan struct{} // closed when libvirtd has ended the stream
	silence func() error  // why the host ended the stream
	release func()        // removes the tie to the context
	proc    uint32
	serial  int32
	early   []packet // packets that came before the reply to the call that opened the stream
}

type packet struct {
	header  socket.Header
	payload []byte
}

// openStream connects and makes the call that opens a stream. The stream ends with ctx.
func (h *Host) openStream(ctx context.Context, proc uint32, args xdr) (*stream, error) {
	s, err := h.connectStream(ctx)
	if err != nil {
		return nil, err
	}
	attempt := 0
	_, err = retryWhileBusy(ctx, h, streamCalls[proc], func(again bool) ([]byte, error) {
		attempt++
		call := h.beginCall(ctx, streamCalls[proc], attempt)
		s.begun.Store(true)
		reply, err := s.call(ctx, proc, args)
		s.begun.Store(!isRefused(err))
		call.endUnlessBusy(err, again)
		return reply, err
	})
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connectStream makes a connection that is ready for the call that opens a stream. The control connection shows
// whether the host answers.
func (h *Host) connectStream(ctx context.Context) (s *stream, err error) {
	if err := h.acquire(ctx, h.streams.connecting, "room to connect a stream"); err != nil {
		return nil, err
	}
	defer h.streams.connecting.release()
	if _, err := h.connected(ctx); err != nil {
		return nil, err
	}
	call := h.beginCall(ctx, connectOpen, 1)
	defer func() { call.end(err) }()
	connecting, cancel := context.WithTimeoutCause(ctx, connectLimit, h.connectError(errConnectLimit))
	defer cancel()
	conn, err := h.dial(connecting)
	if err != nil {
		return nil, err
	}
	s = &stream{host: h, conn: conn, packets: make(chan packet), closed: make(chan struct{}), ended: make(chan struct{})}
	s.socket = socket.New(dialers.NewAlreadyConnected(conn), s)
	if err := s.socket.Connect(); err != nil {
		return nil, h.connectError(err)
	}
	s.endWith(ctx)
	if err := s.handshake(connecting); err != nil {
		if connecting.Err() == nil {
			err = withStderr(conn, err)
		}
		s.Close()
		return nil, err
	}
	return s, nil
}

// endWith ends the stream when ctx ends or the host falls silent.
func (s *stream) endWith(ctx context.Context) {
	tied, cancel := s.host.streams.context(ctx)
	stop := context.AfterFunc(tied, s.Close)
	s.silence = func() error { return context.Cause(tied) }
	s.release = func() { stop(); cancel() }
}

// handshake introduces the client, as libvirtd requires on every connection.
func (s *stream) handshake(ctx context.Context) error {
	methods, err := s.call(ctx, procAuthList, nil)
	if err != nil {
		return err
	}
	if err := s.authenticate(ctx, methods); err != nil {
		return err
	}
	open := xdr{}.optional(string(libvirt.RemoteURI(s.host.uri))).uint32(0)
	_, err = s.call(ctx, procConnectOpen, open)
	return err
}

// authenticate does the same as go-libvirt on the control connection: nothing, or polkit.
func (s *stream) authenticate(ctx context.Context, methods []byte) error {
	r := xdrReader{rest: methods}
	for range r.uint32() {
		switch r.uint32() {
		case authNone:
			return r.err
		case authPolkit:
			_, err := s.call(ctx, procAuthPolkit, nil)
			return err
		}
		if r.err != nil {
			return r.err
		}
	}
	return nil
}

// call sends a call and waits for its reply. The first bytes of a stream may come before the reply to the call that
// opens the stream, because libvirtd sends the two from different threads.
func (s *stream) call(ctx context.Context, proc uint32, args xdr) ([]byte, error) {
	s.proc = proc
	s.serial++
	if err := s.send(ctx, socket.Call, socket.StatusOK, args); err != nil {
		return nil, err
	}
	for {
		p, err := s.receive(ctx)
		if err != nil || p.header.Type == socket.Reply {
			return p.payload, err
		}
		s.early = append(s.early, p)
	}
}

// queryMeanwhile makes a call on the connection of a stream. On this stream, libvirtd sends only a refusal, which
// ends the wait.
func (s *stream) queryMeanwhile(ctx context.Context, proc uint32, args xdr) ([]byte, error) {
	err := s.socket.SendPacket(s.serial+1, proc, remoteProgram, args, socket.Call, socket.StatusOK)
	if err := s.failure(ctx, err); err != nil {
		return nil, err
	}
	p, err := s.receive(ctx)
	if err == nil && p.header.Type != socket.Reply {
		err = errEndedEarly
	}
	return p.payload, err
}

// next returns the stream's next packet.
func (s *stream) next(ctx context.Context) (packet, error) {
	if len(s.early) == 0 {
		return s.receive(ctx)
	}
	p := s.early[0]
	s.early = s.early[1:]
	return p, nil
}

func (s *stream) send(ctx context.Context, kind, status uint32, payload []byte) error {
	err := s.socket.SendPacket(s.serial, s.proc, remoteProgram, payload, kind, status)
	return s.failure(ctx, err)
}

// receive waits for libvirtd's next packet, which may be a refusal.
func (s *stream) receive(ctx context.Context) (packet, error) {
	select {
	case p := <-s.packets:
		return p, s.refused(p)
	case <-s.closed:
		return packet{}, s.failure(ctx, net.ErrClosed)
	case <-s.socket.Disconnected():
		return packet{}, s.failure(ctx, io.ErrUnexpectedEOF)
	case <-ctx.Done():
		return packet{}, context.Cause(ctx)
	}
}

// failure returns the error for a failed connection: the cause of the context if that is the reason.
func (s *stream) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if silence := s.silence(); silence != nil {
		return silence
	}
	return s.host.lostError(err)
}

// refused reads libvirtd's error. virNetMessageError begins with code, domain and message.
func (s *stream) refused(p packet) error {
	if p.header.Status != socket.StatusError {
		return nil
	}
	r := xdrReader{rest: p.payload}
	code, _, message := r.uint32(), r.uint32(), r.optional()
	if r.err != nil || code == 0 {
		return errors.New("libvirtd aborted the stream and did not say why")
	}
	return &refusal{libvirt.ErrorNumber(code), message}
}

var errEndedEarly = errors.New("libvirtd ended the stream early")

// checkOpen checks whether libvirtd has ended a stream on which it otherwise sends nothing.
func (s *stream) checkOpen() error {
	select {
	case p := <-s.packets:
		if err := s.refused(p); err != nil {
			return err
		}
		return errEndedEarly
	default:
		return nil
	}
}

func (s *stream) sendBlock(ctx context.Context, b block) error {
	if b.hole > 0 {
		if err := s.sendHole(ctx, b.hole); err != nil {
			return err
		}
	}
	if len(b.bytes) == 0 {
		return nil // a packet without bytes would mean the end
	}
	return s.send(ctx, socket.Stream, socket.StatusContinue, b.bytes)
}

// sendHole skips this many bytes, and the file then ends after them.
func (s *stream) sendHole(ctx context.Context, length uint64) error {
	return s.send(ctx, streamHole, socket.StatusContinue, xdr{}.uint64(length).uint32(0))
}

// finish tells libvirtd that everything was sent, and waits until libvirtd confirms that it received everything.
func (s *stream) finish(ctx context.Context) error {
	if err := s.send(ctx, socket.Stream, socket.StatusOK, nil); err != nil {
		return err
	}
	_, err := s.receive(ctx)
	return err
}

// Route takes a packet from the connection (socket.Router).
func (s *stream) Route(header *socket.Header, payload []byte) {
	if header.Type == socket.Stream && header.Status != socket.StatusContinue {
		s.ending.Do(func() { close(s.ended) })
	}
	select {
	case s.packets <- packet{*header, payload}:
	case <-s.closed:
	}
}

// Close ends the stream and its connection. go-libvirt's Disconnect (socket/socket.go) does not close a connection
// that the other end has closed.
func (s *stream) Close() {
	s.closing.Do(func() {
		close(s.closed)
		s.abort()
		s.release()
		_ = s.conn.Close()
		_ = s.socket.Disconnect()
	})
}

// abortGrace is how long libvirtd may take to confirm that it has dropped a stream.
const abortGrace = time.Second

// abort makes libvirtd drop a stream that has not ended, and waits for the confirmation. libvirtd 11.3 hangs forever
// if a connection ends while libvirtd has data of a stream to receive or to send: it then closes the client while it
// holds a lock that the closing also needs (src/remote/remote_daemon_stream.c, daemonStreamEvent;
// src/remote/remote_daemon_dispatch.c, remoteClientFreePrivateCallbacks).
func (s *stream) abort() {
	if !s.begun.Load() {
		return
	}
	select {
	case <-s.ended:
		return
	default:
	}
	go func() { _ = s.send(context.Background(), socket.Stream, socket.StatusError, nil) }() // it may be stuck
	select {
	case <-s.ended:
	case <-s.socket.Disconnected():
	case <-time.After(abortGrace):
	}
}
