package image

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	maxHeader    = 1 << 20                // bytes of a response header
	surplusGrace = 200 * time.Millisecond // for a server that keeps the connection open against our wish
)

var errSurplus = errors.New("the server sends more than the promised Content-Length")

// transport makes HTTP/1.1 requests, each on a connection of its own.
//
// http.Transport stops reading at Content-Length and so takes a body that is longer than promised,
// as of a file that grows while it is sent, for a whole one. Here the connection has to end where
// the body does. Requests through a proxy are left to http.Transport.
type transport struct {
	proxy   func(*http.Request) (*url.URL, error)
	proxied http.RoundTripper
	tls     *tls.Config
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if proxy, err := t.proxy(req); err != nil {
		return nil, errors.New("HTTP_PROXY or HTTPS_PROXY is no valid URL") // which may have a password
	} else if proxy != nil {
		return checkRedirect(t.proxied.RoundTrip(req))
	}
	conn, err := t.dial(req.Context(), req.URL)
	if err != nil {
		return nil, err
	}
	bound := boundConn{conn, context.AfterFunc(req.Context(), func() { conn.Close() })}
	resp, err := exchange(bound, req)
	if err != nil {
		bound.Close()
	}
	return checkRedirect(resp, err)
}

// checkRedirect refuses a redirect to what is no URL, which net/http would quote, with a token in it.
func checkRedirect(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	if _, err := url.Parse(resp.Header.Get("Location")); err != nil {
		resp.Body.Close()
		return nil, errors.New("the server redirects to what is no URL")
	}
	return resp, nil
}

func (t *transport) dial(ctx context.Context, u *url.URL) (net.Conn, error) {
	switch u.Scheme {
	case "http":
		return new(net.Dialer).DialContext(ctx, "tcp", address(u, "80"))
	case "https":
		return (&tls.Dialer{Config: t.tls}).DialContext(ctx, "tcp", address(u, "443"))
	}
	return nil, fmt.Errorf("a redirect leads to the scheme %q: only http and https are followed", u.Scheme)
}

// boundConn is a connection that a context closes, until it is closed.
type boundConn struct {
	net.Conn
	unbind func() bool
}

func (c boundConn) Close() error {
	if !c.unbind() {
		return nil // it is closed already
	}
	return c.Conn.Close()
}

func address(u *url.URL, port string) string {
	if p := u.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// exchange sends the request and reads the header of the response.
func exchange(conn net.Conn, req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Close = true
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	limited := &io.LimitedReader{R: conn, N: maxHeader}
	reader := bufio.NewReader(limited)
	resp, err := http.ReadResponse(reader, req)
	for err == nil && resp.StatusCode < 200 { // "103 Early Hints"
		resp, err = http.ReadResponse(reader, req)
	}
	if err != nil {
		return nil, err
	}
	limited.N = math.MaxInt64
	resp.Body = &exactBody{body: resp.Body, promised: resp.ContentLength >= 0, conn: conn, rest: reader}
	return resp, nil
}

// exactBody is a response body that must end where the server said it would.
type exactBody struct {
	body     io.Reader
	promised bool // there was a Content-Length
	conn     net.Conn
	rest     *bufio.Reader // the connection after the body
	end      error         // what the body ended with
}

func (b *exactBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.body.Read(p)
	if err == io.EOF && b.promised && b.surplus() {
		err = errSurplus
	}
	b.end = err
	return n, err
}

func (b *exactBody) surplus() bool {
	if err := b.conn.SetReadDeadline(time.Now().Add(surplusGrace)); err != nil {
		return false
	}
	_, err := b.rest.Peek(1)
	return err == nil
}

func (b *exactBody) Close() error { return b.conn.Close() }
