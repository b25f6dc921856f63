// Package image is where boot files come from: it opens a source by its scheme, streams it, and
// checks that what arrives is whole, is what was promised and is something that boots. It can give a
// kernel a command line on the way.
//
// Nothing is held in memory beyond a bounded head, and nothing is copied to the local disk.
package image

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Client opens sources. Its zero value is right for production; the fields are for what differs.
type Client struct {
	HTTP      *http.Client   // nil: one with proxies from the environment and at most 10 redirects
	CAs       *x509.CertPool // nil: those that this machine trusts; not with HTTP
	Insecure  bool           // take any certificate of a server; not with HTTP
	UserAgent string         // empty: "terraform-provider-netboot"
	Retries   int            // failures in a row, without a byte between them, that are tried again; 0: 4
	Backoff   time.Duration  // wait before the first retry, doubled for each further one; 0: 500 ms
	Idle      time.Duration  // how long a server may send nothing; 0: 30 s
	Together  *Downloads     // nil: each download is made by itself

	// Observe is called with each event of a download, where it is set; with the context of Open, which may
	// have ended. It is called by many goroutines at once, and holds up what the event is about.
	Observe func(context.Context, Event)
}

// Stream is the content of a source. A Read that fails with anything but io.EOF means that what was
// read so far is not the whole of it.
type Stream struct {
	io.ReadCloser
	Source string // as messages may show it: without a password and a query
	Size   int64  // in bytes, -1 when the server does not tell
}

// Open opens an http or https URL, a file URL or a local path. A local path is read on the machine
// that runs Terraform. The stream fails once ctx is done.
func (c Client) Open(ctx context.Context, source string) (*Stream, error) {
	path, u, err := parseSource(source)
	if err != nil {
		return nil, err
	}
	if u != nil && c.Together != nil {
		return c.Together.open(ctx, c, u)
	}
	if u != nil {
		return c.openHTTP(ctx, u)
	}
	file, info, err := openLocal(path)
	if err != nil {
		return nil, err
	}
	return &Stream{ReadCloser: file, Source: path, Size: info.Size()}, nil
}

// parseSource returns the URL that a source is when it is on a server, else its path on this machine.
func parseSource(source string) (path string, u *url.URL, err error) {
	scheme, _, isURL := strings.Cut(source, "://")
	if !isURL {
		return source, nil, nil
	}
	u, err = url.Parse(source)
	if err != nil {
		return "", nil, fmt.Errorf("source is not a valid URL: %w", withoutPassword(source, withoutURL(err)))
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return "", nil, fmt.Errorf("source %q names no server", redactedURL(u))
		}
		return "", u, nil
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			return "", nil, fmt.Errorf("source %q names the host %q: a file URL has three slashes, as in file:///srv/kernel", redactedURL(u), u.Host)
		}
		return u.Path, nil, nil
	}
	return "", nil, fmt.Errorf("source %q has the scheme %q: use http, https, file or a local path", redactedURL(u), scheme)
}

func openLocal(path string) (*os.File, fs.FileInfo, error) {
	if path == "" {
		return nil, nil, errors.New("source is empty: give an http(s) URL or a local path")
	}
	// Stat comes first because opening a FIFO would block.
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, localError(path, err)
	}
	if info.IsDir() {
		return nil, nil, localError(path, errors.New("it is a directory, not a file"))
	}
	if !info.Mode().IsRegular() {
		return nil, nil, localError(path, errors.New("it is not a regular file"))
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, localError(path, err)
	}
	return file, info, nil
}

// localError says where the file was looked for, as the libvirt host is the likely misunderstanding.
func localError(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return fmt.Errorf("unable to read %q on the machine that runs Terraform (not on the libvirt host): %w", path, err)
}

// redactedURL is a URL as messages may show it: without a password, and without its query, where tokens are.
func redactedURL(u *url.URL) string {
	shown := *u
	if u.RawQuery != "" {
		shown.RawQuery = "…"
	}
	return shown.Redacted()
}

// withoutPassword replaces a complaint about a URL that may quote a piece of a password: one with a slash
// ends the host's name for net/url, and what is before it is a port.
func withoutPassword(source string, err error) error {
	if strings.Contains(source, "@") {
		return errors.New("special characters of a user's name and password are written as % and two digits")
	}
	return err
}

// withoutURL drops the URL that net/http and net/url put before a cause: callers name it themselves,
// without its password.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
