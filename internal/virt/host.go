// Package virt reaches libvirt hosts: their pools, volumes, networks, domains and consoles.
//
// It is the only package that knows go-libvirt and libvirt's XML. Its interface consists of its own types and types
// of the standard library. Every call obeys its context, although libvirt's protocol and go-libvirt have no contexts.
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

// Host is a libvirt host. It connects at the first request, and again after the connection was lost. Many goroutines
// may use it at the same time.
//
// Calls share one control connection. Each stream (an upload, a download, a console) has a connection of its own, so
// that a slow stream never delays a call.
type Host struct {
	uri      *url.URL
	redacted string // the URI without a password
	dialer   dialer
	slots    semaphore // one per call in flight

	connecting      semaphore // held while connecting
	mayBeRestarting bool      // a connection existed, and the last attempt to connect has not failed

	mu          sync.Mutex // held briefly, and never during a call
	control     *connection
	stopConnect context.CancelCauseFunc // ends the current attempt to connect; nil if there is none

	capabilities *cache[Capabilities]
	firmware     *cache[[]byte]
	libvirt      atomic.Uint64 // libvirt's release; 0 until it is known

	bridgeNaming semaphore // held while libvirt chooses the name of a bridge

	observer func(context.Context, Event) // nil if there is none
	progress time.Duration                // delay of the first event of an operation that has not ended

	keepalive time.Duration // interval between checks that the host answers
	streams   streams

	changes  atomic.Uint64 // counted both when a change is requested and when it ends
	domains  *readAhead[Domain]
	guests   *readAhead[map[string]Domain]
	mayLieOn candidates
	networks *readAhead[networkXML]
	volumes  volumesAhead
	paths    *readAhead[libvirt.StorageVol]
}

// Open describes the host at a libvirt URI such as qemu:///system. It does not connect. An error means that the URI
// cannot be used at all.
func Open(uri string) (*Host, error) {
	parsed, err := url.Parse(uri)
	if err != nil {
		var malformed *url.Error
		switch {
		case strings.Contains(uri, "@"): // if a password has a slash, net/url quotes its beginning as a port
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

// URI returns the host's libvirt URI without a password.
func (h *Host) URI() string { return h.redacted }

var errClosed = errors.New("the connection to libvirt was closed")

// Close ends the control connection and any attempt to make one. The host connects again when it is used again.
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

// connected returns the control connection. It connects if there is no connection or the connection was lost.
func (h *Host) connected(ctx context.Context) (*connection, error) {
	if control := h.present(); control != nil {
		return control, nil
	}
	if err := h.acquire(ctx, h.connecting, "connection that is being made"); err != nil {
		return nil, err
	}
	defer h.connecting.release()
	if control := h.present(); control != nil { // another goroutine has connected
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

// present returns the control connection, or nil if there is none or it was lost.
func (h *Host) present() *connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.control != nil && h.control.IsConnected() {
		return h.control
	}
	return nil
}

// keep makes a connection the control connection, unless the host was closed in the meantime.
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

// reconnect connects. If a connection existed before, libvirtd may be restarting, so reconnect waits for it once.
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

// awaitRestart tries repeatedly to connect.
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

// A libvirtd that is restarted or upgraded is back soon. These pauses add up to 3 s.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 16 * firstPause
)

// dropConnection makes sure that a connection on which a call was lost is not used again. At that moment, go-libvirt
// still considers it connected.
func (h *Host) dropConnection(lost *connection) {
	h.mu.Lock()
	if h.control == lost {
		h.control = nil
	}
	h.mu.Unlock()
	_ = lost.conn.Close()
}

// WhileConnected returns a context that ends with the control connection. It is for a caller that waits for a third
// party, such as a web server, on behalf of the host. The cause is then the loss of the connection.
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

// connection carries go-libvirt's calls and events. Closing conn ends it, whatever state go-libvirt is in.
// go-libvirt's own Disconnect first asks the server and waits for the answer.
type connection struct {
	*libvirt.Libvirt
	conn *keepaliveConn
}

// explainLoss adds to the error of a call the reason why the connection was closed.
func (c *connection) explainLoss(err error) error {
	if c.conn.silent.Load() {
		return fmt.Errorf("%w (%w)", errSilent, err)
	}
	return err
}

// connectLimit is how long a host may take until it accepts calls. It allows for several hops of ssh.
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

// keepAlive watches a control connection until it ends.
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
