// Package image reads boot files from their sources: it opens a source by its scheme, streams it, and
// checks that the content is complete, has the promised checksum and can boot. It can add a command line
// to a kernel while it streams it.
//
// It keeps only the beginning of a file in memory, of limited size, and copies nothing to the local disk.
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

// Client opens sources. Its zero value is ready for production use.
type Client struct {
	HTTP      *http.Client   // nil: a client with proxies from the environment and at most 10 redirects
	CAs       *x509.CertPool // nil: the CAs that this machine trusts; ignored if HTTP is set
	Insecure  bool           // accept any certificate of a server; ignored if HTTP is set
	UserAgent string         // empty: "terraform-provider-netboot"
	Retries   int            // how many failures in a row, without a byte in between, are retried; 0: 4
	Backoff   time.Duration  // wait before the first retry, doubled for each further retry; 0: 500 ms
	Idle      time.Duration  // how long a server may send nothing; 0: 30 s
	Together  *Downloads     // nil: no download is shared

	// Observe, if it is set, is called with each event of a download and with the context of Open, which may
	// have ended. Many goroutines call it at the same time, and the download waits for it.
	Observe func(context.Context, Event)
}

// Stream is the content of a source. A Read that fails with an error other than io.EOF means that the
// content read so far is incomplete.
type Stream struct {
	io.ReadCloser
	Source string // as messages may show it: without a password and a query
	Size   int64  // in bytes, -1 if the server does not send it
}

// Open opens an http, https or ftp URL, a file URL or a local path. A local path is read on the machine
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

// parseSource returns the URL of a source on a server, or else the path of a source on this machine.
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
	case "http", "https", "ftp":
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
	return "", nil, fmt.Errorf("source %q has the scheme %q: use http, https, ftp, file or a local path", redactedURL(u), scheme)
}

func openLocal(path string) (*os.File, fs.FileInfo, error) {
	if path == "" {
		return nil, nil, errors.New("source is empty: give a URL or a local path")
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

// localError says on which machine the file was looked for, because users may expect it on the libvirt host.
func localError(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	return fmt.Errorf("unable to read %q on the machine that runs Terraform (not on the libvirt host): %w", path, err)
}

// redactedURL is a URL as messages may show it: without a password, and without its query, which may have tokens.
func redactedURL(u *url.URL) string {
	shown := *u
	if u.RawQuery != "" {
		shown.RawQuery = "…"
	}
	return shown.Redacted()
}

// withoutPassword replaces an error about a URL that may quote a part of a password: a slash in a password
// ends the host name for net/url, which then takes the part before it as a port.
func withoutPassword(source string, err error) error {
	if strings.Contains(source, "@") {
		return errors.New("write special characters of the user name and password as % and two hexadecimal digits")
	}
	return err
}

// withoutURL removes the URL that net/http and net/url put before a cause, because callers name the URL
// themselves, without its password.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
