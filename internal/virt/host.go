// Package virt reaches libvirt hosts: their pools, volumes, networks, domains and consoles.
//
// It is the only package that knows go-libvirt and libvirt's XML; what it takes and gives is made
// of its own types and the standard library's. Every call obeys its context, although libvirt's
// protocol and go-libvirt know none.
package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"
)

// Host is a libvirt host. It connects when it is first asked for something, and again when the
// connection was lost; it may be used by many goroutines at once.
//
// Calls share one control connection. Each stream (an upload, a download, a console) has a
// connection of its own, so that a slow one never holds up a call.
type Host struct {
	uri      *url.URL
	redacted string // the URI without a password
	dialer   dialer
	slots    semaphore // one for each call in flight

	connecting      semaphore // held by who connects
	mayBeRestarting bool      // there was a connection, and the last attempt to make one has not failed

	mu          sync.Mutex // held for moments, over no call
	control     *connection
	stopConnect context.CancelCauseFunc // ends the attempt to connect that is under way; nil where there is none

	capabilities *cache[Capabilities]
	firmware     *cache[[]byte]
	libvirt      atomic.Uint64 // its release; 0 before it was asked

	bridgeNaming semaphore // held while libvirt chooses the name of a bridge

	observer func(context.Context, Event) // nil is none
	progress time.Duration                // until the first event of what has not ended

	keepalive time.Duration // between two looks whether the host is there
	streams   streams

	changes  atomic.Uint64 // that were asked for, at their beginning and at their end
	domains  *readAhead[Domain]
	guests   *readAhead[map[string]Domain]
	mayLieOn candidates
	networks *readAhead[networkXML]
	volumes  volumesAhead
	paths    *readAhead[libvirt.StorageVol]
}

// Open describes the host at a libvirt URI such as qemu:///system. It does not connect; an error
// means that the URI cannot be used at all.
func Open(uri string) (*Host, error) {
	parsed, err := url.Parse(uri)
	if err != nil {
		var malformed *url.Error
		switch {
		case strings.Contains(uri, "@"): // of a password with a slash, net/url quotes the beginning as a port
			err = errors.New("write special characters in the user name and the password as % and two hexadecimal digits")
		case errors.As(err, &malformed):
			err = malformed.Err
		}
		return nil, fmt.Errorf("libvirt URI: %w", err)
	}
	dialer, err := dialerFor(parsed)
	if err != nil {
		return nil, fmt.Errorf("libvirt URI %q: %w", parsed.Redacted(), err)
	}
	h := &Host{
		uri:          parsed,
		redacted:     parsed.Redacted(),
		dialer:       dialer,
		slots:        make(semaphore, maxCalls),
		connecting:   make(semaphore, 1),
		capabilities: newCache[Capabilities]("capabilities"),
		firmware:     newCache[[]byte]("firmware"),
		bridgeNaming: make(semaphore, 1),
		progress:     firstProgress,
		keepalive:    keepaliveInterval,
		streams:      streams{connecting: make(semaphore, maxConnecting), transfers: make(semaphore, maxTransfers)},
	}
	h.domains = newReadAhead[Domain](h, false)
	h.guests = newReadAhead[map[string]Domain](h, true)
	h.networks = newReadAhead[networkXML](h, false)
	h.paths = newReadAhead[libvirt.StorageVol](h, true)
	return h, nil
}

// URI is the host's libvirt URI without a password.
func (h *Host) URI() string { return h.redacted }

var errClosed = errors.New("the connection to libvirt was closed")

// Close ends the control connection, and the attempt to make one. The host connects again when it is used again.
func (h *Host) Close() error {
	h.mu.Lock()
	control := h.control
	h.control = nil
	if h.stopConnect != nil {
		h.stopConnect(errClosed)
	}
	h.mu.Unlock()
	if control == nil {
		return nil
	}
	return control.conn.Close()
}

// connected returns the control connection, made when there is none or it was lost.
func (h *Host) connected(ctx context.Context) (*connection, error) {
	if control := h.present(); control != nil {
		return control, nil
	}
	if err := h.acquire(ctx, h.connecting, "connection that is being made"); err != nil {
		return nil, err
	}
	defer h.connecting.release()
	if control := h.present(); control != nil { // somebody else has made it
		return control, nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	h.mu.Lock()
	h.stopConnect = stop
	h.mu.Unlock()
	control, err := h.reconnect(ctx)
	return h.keep(ctx, control, err)
}

// present is the control connection, nil where there is none or it is lost.
func (h *Host) present() *connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.control != nil && h.control.IsConnected() {
		return h.control
	}
	return nil
}

// keep makes a connection the control connection, unless the host was closed meanwhile.
func (h *Host) keep(ctx context.Context, control *connection, err error) (*connection, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stopConnect = nil
	if err == nil && errors.Is(context.Cause(ctx), errClosed) {
		_ = control.conn.Close()
		return nil, errClosed
	}
	h.control = control
	return control, err
}

// reconnect makes a connection. Where there was one, libvirtd may be being restarted, and is waited for once.
func (h *Host) reconnect(ctx context.Context) (*connection, error) {
	control, err := h.connect(ctx, 1)
	if err != nil && h.mayBeRestarting {
		control, err = h.awaitRestart(ctx)
	}
	if ctx.Err() == nil {
		h.mayBeRestarting = err == nil
	}
	return control, err
}

// awaitRestart tries again and again to connect.
func (h *Host) awaitRestart(ctx context.Context) (control *connection, err error) {
	wait := h.beginWait(ctx, "libvirtd after a lost connection", "")
	defer func() { wait.end(err) }()
	for attempt, pause := 2, firstPause; ; attempt, pause = attempt+1, pause*2 {
		select {
		case <-time.After(pause):
			control, err = h.connect(ctx, attempt)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if err == nil || pause == lastPause {
			return control, err
		}
	}
}

// A libvirtd that is being restarted or upgraded is soon there again. These pauses make 3 s.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 16 * firstPause
)

// dropConnection makes sure that a connection on which a call was lost is not used again: go-libvirt still
// holds it for connected at that moment.
func (h *Host) dropConnection(lost *connection) {
	h.mu.Lock()
	if h.control == lost {
		h.control = nil
	}
	h.mu.Unlock()
	_ = lost.conn.Close()
}

// WhileConnected is a context that ends with the control connection, for whoever waits for somebody
// else, such as a web server, on behalf of the host. The cause is then the loss of the connection.
func (h *Host) WhileConnected(ctx context.Context) (context.Context, context.CancelFunc, error) {
	control, err := h.connected(ctx)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-control.Disconnected():
			cancel(h.lostError(control.explainLoss(io.ErrUnexpectedEOF)))
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil) }, nil
}

// connection carries go-libvirt's calls and events. Closing conn ends it, whatever state
// go-libvirt is in; its own Disconnect asks the server first and waits for the answer.
type connection struct {
	*libvirt.Libvirt
	conn *keepaliveConn
}

// explainLoss is the error of a call, with the reason where the connection was given up.
func (c *connection) explainLoss(err error) error {
	if c.conn.silent.Load() {
		return fmt.Errorf("%w (%w)", errSilent, err)
	}
	return err
}

// connectLimit is how long a host may take until it takes calls, also over several hops of ssh.
const connectLimit = 30 * time.Second

var errConnectLimit = fmt.Errorf("it did not answer within %v", connectLimit)

// connect makes a connection that is ready for calls.
func (h *Host) connect(ctx context.Context, attempt int) (control *connection, err error) {
	call := h.beginCall(ctx, connectOpen, attempt)
	defer func() { call.end(err) }()
	ctx, cancel := context.WithTimeoutCause(ctx, connectLimit, h.connectError(errConnectLimit))
	defer cancel()
	conn, err := h.dial(ctx)
	if err != nil {
		return nil, err
	}
	kept := &keepaliveConn{Conn: conn}
	defer context.AfterFunc(ctx, func() { _ = kept.Close() })()
	client := libvirt.NewWithDialer(dialers.NewAlreadyConnected(kept))
	err = client.ConnectToURI(libvirt.RemoteURI(h.uri))
	switch {
	case ctx.Err() != nil:
		_ = kept.Close()
		return nil, context.Cause(ctx)
	case err != nil:
		err = withStderr(conn, err)
		_ = kept.Close()
		return nil, h.connectError(err)
	}
	control = &connection{client, kept}
	go h.keepAlive(control)
	return control, nil
}

// keepAlive looks after a control connection until it ends.
func (h *Host) keepAlive(control *connection) {
	if control.conn.watch(h.keepalive, control.Disconnected(), h.streams.mayBeSilent) {
		h.streams.endAll(h.lostError(errSilent))
	}
	_ = control.conn.Close()
}

// dial opens a connection to libvirtd.
func (h *Host) dial(ctx context.Context) (net.Conn, error) {
	conn, err := h.dialer.dial(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return conn, h.connectError(err)
}
