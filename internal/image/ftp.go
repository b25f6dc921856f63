package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jlaffaye/ftp"
)

// ftpTransport answers HTTP requests for ftp URLs from the FTP server. So a download by FTP is resumed, watched and shared like a
// download by HTTP. Each request has a connection of its own, and uses no proxy.
type ftpTransport struct{}

// RoundTrip implements http.RoundTripper.
func (ftpTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	conns := &connections{}
	stop := context.AfterFunc(req.Context(), conns.close)
	answer, err := retrieve(req, conns)
	if err == nil {
		answer.Body = &ftpBody{answer.Body, func() { stop(); conns.close() }}
		return answer, nil
	}
	stop()
	conns.close()
	var refused *textproto.Error
	if errors.As(err, &refused) {
		return refusal(req, refused), nil
	}
	return nil, err
}

// retrieve requests a file, or the part of it that the request wants.
func retrieve(req *http.Request, conns *connections) (*http.Response, error) {
	server, err := logIn(req, conns)
	if err != nil {
		return nil, err
	}
	path := ftpPath(req.URL)
	answer := answerTo(req, http.StatusOK)
	answer.Header, answer.ContentLength = identify(server, path)
	wanted, isPart := wantedPart(req, answer)
	if isPart {
		answer.StatusCode, answer.ContentLength = http.StatusPartialContent, wanted.end-wanted.first
		answer.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", wanted.first, wanted.end-1, wanted.size))
	}
	data, err := server.RetrFrom(path, uint64(wanted.first))
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(&acknowledged{data: data}) // closing the connections closes it
	if isPart && wanted.end < wanted.size {
		answer.Body = io.NopCloser(io.LimitReader(data, wanted.end-wanted.first))
	}
	return answer, nil
}

// logIn connects to the server of a URL.
func logIn(req *http.Request, conns *connections) (*ftp.ServerConn, error) {
	host := net.JoinHostPort(req.URL.Hostname(), cmp.Or(req.URL.Port(), "21"))
	server, err := ftp.Dial(host, ftp.DialWithDialFunc(func(network, address string) (net.Conn, error) {
		return conns.dial(req.Context(), network, address)
	}))
	if err != nil {
		return nil, err
	}
	user, password := "anonymous", "anonymous"
	if req.URL.User != nil {
		user = req.URL.User.Username()
		password, _ = req.URL.User.Password()
	}
	return server, loginError(server.Login(user, password))
}

// loginError is an error of the server. The library returns an error without a code if the server refuses the user.
func loginError(err error) error {
	if err == nil || errors.As(err, new(*textproto.Error)) || errors.As(err, new(net.Error)) || errors.Is(err, io.EOF) {
		return err
	}
	return &textproto.Error{Code: ftp.StatusNotLoggedIn, Msg: err.Error()}
}

// ftpPath is the path of a file, relative to the directory in which the server starts. A second slash makes it absolute, as in
// ftp://server//srv/kernel. https://www.rfc-editor.org/rfc/rfc1738#section-3.2.2
func ftpPath(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }

// identify returns the size of a file, -1 if the server does not say it, and the header that identifies this version of the file.
func identify(server *ftp.ServerConn, path string) (http.Header, int64) {
	header := http.Header{}
	size, err := server.FileSize(path)
	if err != nil {
		return header, -1 // the server does not know the command, or refuses the file below
	}
	modified, err := server.GetTime(path)
	if err == nil {
		header.Set("Etag", fmt.Sprintf(`"%d-%d"`, size, modified.Unix()))
		header.Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
		header.Set("Accept-Ranges", "bytes")
	}
	return header, size
}

// wantedPart is the part of a file that a request wants: the rest of it, or a section. It is the whole file if the file has changed
// since, or if the server does not say its size.
func wantedPart(req *http.Request, answer *http.Response) (part contentRange, isPart bool) {
	size := answer.ContentLength
	version := req.Header.Get("If-Range")
	if size < 0 || version != "" && version != answer.Header.Get("Etag") {
		return contentRange{}, false
	}
	var last int64
	part = contentRange{end: size, size: size}
	switch n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-%d", &part.first, &last); n {
	case 0:
		return contentRange{}, false
	case 2:
		part.end = min(last+1, size)
	}
	return part, part.first < part.end
}

// acknowledged is a file until its end, which the server has to acknowledge: the end of the data alone may be a broken connection.
type acknowledged struct {
	data *ftp.Response
	end  error // why there is no more to read
}

// Read implements io.Reader.
func (a *acknowledged) Read(p []byte) (int, error) {
	if a.end != nil {
		return 0, a.end
	}
	n, err := a.data.Read(p)
	if err == io.EOF {
		if failure := a.data.Close(); failure != nil {
			err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, failure)
		}
	}
	a.end = err
	return n, err
}

// ftpBody closes the connections of a request when its answer was read.
type ftpBody struct {
	io.Reader
	end func()
}

// Close implements io.Closer.
func (b *ftpBody) Close() error {
	b.end()
	return nil
}

func answerTo(req *http.Request, status int) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, ContentLength: -1, Request: req}
}

// refusal is the answer for an error of the server: https://www.rfc-editor.org/rfc/rfc959#section-4.2
func refusal(req *http.Request, err *textproto.Error) *http.Response {
	status := http.StatusBadRequest
	switch {
	case err.Code == ftp.StatusFileUnavailable:
		status = http.StatusNotFound
	case slices.Contains([]int{ftp.StatusNotLoggedIn, ftp.StatusLoginNeedAccount, ftp.StatusUserOK}, err.Code):
		status = http.StatusUnauthorized
	case err.Code < 500: // temporary
		status = http.StatusServiceUnavailable
	}
	answer := answerTo(req, status)
	answer.Status = fmt.Sprintf("%d %s", err.Code, err.Msg)
	return answer
}

// connections are the control and the data connection of a request.
type connections struct {
	mu     sync.Mutex
	open   []net.Conn
	closed bool
}

// dial opens one more connection.
func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 30 * time.Second}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open = append(c.open, conn)
	if c.closed {
		_ = conn.Close()
	}
	return conn, nil
}

// close closes all connections, also those that are opened later.
func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.open {
		_ = conn.Close()
	}
}
