package image

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"time"
)

// maxRetryAfter is the longest pause that a server may ask for; a longer one is reported, not waited for.
const maxRetryAfter = time.Minute

// download is a body that survives broken connections: it requests the rest if the server can send it, and
// never returns a part as the whole. It reads a file, or a section of a file.
type download struct {
	client Client
	ctx    context.Context // of Open, because Read has no context
	url    *url.URL
	source string // as messages show it

	body       io.ReadCloser
	requestCtx context.Context // bounds the connection behind body
	cancel     context.CancelCauseFunc
	idle       *time.Timer // runs while waiting for the server, and cancels requestCtx
	encoding   string      // Content-Encoding

	section       bool  // a section was requested, not the whole file
	start, offset int64 // where it begins, and the next byte to read
	end           int64 // where it ends, -1 if unknown
	version       version
	answered      *url.URL // after all redirects of the last request
	failures      int      // since the last byte
	observed      *observation
}

func (c Client) openHTTP(ctx context.Context, u *url.URL) (*Stream, error) {
	d := c.download(ctx, u)
	if err := d.connect(nil); err != nil {
		return nil, d.failed(err)
	}
	return d.stream()
}

// download returns a download that is not connected yet.
func (c Client) download(ctx context.Context, u *url.URL) *download {
	c.HTTP = c.client()
	if c.UserAgent == "" {
		c.UserAgent = "terraform-provider-netboot"
	}
	if c.Retries == 0 {
		c.Retries = 4
	}
	if c.Backoff == 0 {
		c.Backoff = 500 * time.Millisecond
	}
	if c.Idle == 0 {
		c.Idle = 30 * time.Second
	}
	return &download{client: c, ctx: ctx, url: u, source: redactedURL(u), end: -1, version: version{size: -1}, observed: c.observe(ctx, u)}
}

// stream undoes a Content-Encoding that the server applied although it was asked not to.
func (d *download) stream() (*Stream, error) {
	plain := &Stream{ReadCloser: d, Source: d.source, Size: d.end}
	switch path.Ext(d.url.Path) {
	case ".gz", ".xz", ".bz2", ".zst", ".lz4":
		// For such files, Apache's AddEncoding describes the file, not the transfer.
		return plain, nil
	}
	switch d.encoding {
	case "", "identity":
		return plain, nil
	case "gzip":
		unpacked, err := gzip.NewReader(d)
		if err != nil {
			return nil, errors.Join(d.failed(fmt.Errorf("the server announces the content encoding gzip but does not send gzip: %w", err)), d.Close())
		}
		return &Stream{ReadCloser: &decoded{unpacked, d}, Source: plain.Source, Size: -1}, nil
	}
	return nil, errors.Join(d.failed(d.encodingError()), d.Close())
}

func (d *download) encodingError() error {
	return fmt.Errorf("the server sends the content encoding %q although the request did not ask for it: download the file and give its local path", d.encoding)
}

// decoded reads from a decoder and closes what the decoder reads.
type decoded struct {
	io.Reader
	io.Closer
}

// Read implements io.Reader. It resumes a broken body.
func (d *download) Read(p []byte) (int, error) {
	for {
		n, err := d.read(p)
		d.offset += int64(n)
		switch {
		case d.end >= 0 && d.offset > d.end:
			return 0, d.failed(fmt.Errorf("the server sends more than the %d bytes that it announced", d.end-d.start))
		case n > 0:
			d.failures = 0
			return n, nil // the next Read returns the error again
		case err == nil:
			return 0, nil
		case err == io.EOF && (d.end < 0 || d.offset == d.end):
			d.observed.end(nil)
			return 0, io.EOF
		case d.requestCtx.Err() != nil:
			d.endIfWhole()
			return 0, d.failed(context.Cause(d.requestCtx))
		case d.offset == d.end:
			return 0, d.failed(err)
		case err == io.EOF:
			err = io.ErrUnexpectedEOF
		}
		if err := d.resume(err); err != nil {
			return 0, d.failed(err)
		}
	}
}

func (d *download) read(p []byte) (int, error) {
	d.idle.Reset(d.client.Idle)
	defer d.idle.Stop()
	d.observed.waits()
	n, err := d.body.Read(p)
	d.observed.got(n)
	return n, err
}

// Close implements io.Closer.
func (d *download) Close() error {
	d.endIfWhole()
	d.observed.end(errClosed)
	return d.disconnect()
}

// endIfWhole ends the download if everything has arrived, but the reader has not waited for the io.EOF.
func (d *download) endIfWhole() {
	if d.offset == d.end {
		d.observed.end(nil)
	}
}

func (d *download) disconnect() error {
	defer d.cancel(nil)
	return d.body.Close()
}

// resume connects again after the connection broke with cause.
func (d *download) resume(cause error) error {
	_ = d.disconnect() // it is broken already
	broken := &brokenError{offset: d.offset - d.start, size: -1, cause: cause}
	if d.end >= 0 {
		broken.size = d.end - d.start
	}
	cause = broken
	if d.version.validator == "" {
		return fmt.Errorf("%w; the download cannot be resumed, because the server sends no strong ETag or Last-Modified to identify the file", cause)
	}
	return d.connect(cause)
}

// connect requests the body from d.offset, and repeats the request after temporary failures. A cause is
// the failure before the first request.
func (d *download) connect(cause error) error {
	for {
		if cause != nil {
			if err := d.pause(cause); err != nil {
				return err
			}
		}
		if cause = d.attempt(); cause == nil || !isTemporary(cause) {
			return cause
		}
	}
}

// pause waits before the next attempt, or returns the failure if there is no next attempt.
func (d *download) pause(failure error) error {
	if d.failures >= d.client.Retries {
		return fmt.Errorf("%w (gave up after %d retries)", failure, d.failures)
	}
	wait := d.client.Backoff << d.failures
	d.failures++
	var status *statusError
	if errors.As(failure, &status) {
		if status.retryAfter > maxRetryAfter {
			return fmt.Errorf("%w; the server asks to try again in %s", failure, status.retryAfter)
		}
		wait = max(wait, status.retryAfter)
	}
	d.observed.retries(failure, wait)
	select {
	case <-d.ctx.Done():
		return context.Cause(d.ctx)
	case <-time.After(wait):
		return nil
	}
}

// attempt makes one request. If the answer is what was requested, its body becomes the body to read.
func (d *download) attempt() error {
	ctx, cancel := context.WithCancelCause(d.ctx)
	idle := time.AfterFunc(d.client.Idle, func() {
		cancel(fmt.Errorf("the server sent nothing for %s", d.client.Idle))
	})
	d.observed.asks(d.offset)
	d.observed.waits()
	resp, err := d.send(ctx)
	d.observed.got(0)
	idle.Stop()
	if err == nil {
		if err = d.accept(resp); err == nil {
			d.body, d.requestCtx, d.cancel, d.idle = resp.Body, ctx, cancel, idle
			d.answered = resp.Request.URL
			return nil
		}
		resp.Body.Close()
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	return withTrust(withoutURL(err))
}

func (d *download) send(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", d.client.UserAgent)
	// Otherwise net/http requests gzip and unpacks it, which hides the length.
	req.Header.Set("Accept-Encoding", "identity")
	if d.wantsRange() {
		req.Header.Set("Range", d.rangeHeader())
		if d.version.validator != "" {
			req.Header.Set("If-Range", d.version.validator)
		}
	}
	return d.client.HTTP.Do(req)
}

// accept takes over what the header says, if it answers the request. A server that does not support ranges
// answers the first request for a section with the whole file.
func (d *download) accept(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusPartialContent && d.wantsRange():
		return d.acceptRange(resp)
	case resp.StatusCode != http.StatusOK:
		return newStatusError(resp)
	case d.offset > d.start:
		return fmt.Errorf("the connection broke after %d bytes and the download cannot be resumed: the file has changed in the meantime, or the server does not support range requests", d.offset-d.start)
	case d.section && d.version.size >= 0: // this is not the first request
		return errChanged
	}
	d.section, d.start, d.offset, d.end = false, 0, 0, resp.ContentLength
	d.learn(resp, resp.ContentLength)
	return nil
}

// learn remembers the version of the file in the answer.
func (d *download) learn(resp *http.Response, size int64) {
	d.version = version{size, resp.Header.Get("ETag"), resp.Header.Get("Last-Modified"), validator(resp.Header), resp.Header.Get("Accept-Ranges") == "bytes"}
	d.encoding = resp.Header.Get("Content-Encoding")
}

// failed ends the download, and names the source before the cause.
func (d *download) failed(err error) error {
	d.observed.end(err)
	return fmt.Errorf("unable to download %s: %w", d.source, err)
}

// isTemporary says whether the next attempt may succeed.
func isTemporary(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code == http.StatusTooManyRequests || status.code >= 500
	}
	var name *net.DNSError
	if errors.As(err, &name) && name.IsNotFound {
		return false
	}
	var network *net.OpError
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
