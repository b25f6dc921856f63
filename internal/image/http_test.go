package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// quick does not wait between retries.
var quick = Client{Backoff: time.Microsecond}

// boot is a file of 1 MiB that does not compress.
var boot = func() []byte {
	content := make([]byte, 1<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	return content
}()

// serve starts a server and returns the URL of a file on it.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL + "/kernel"
}

// serveBoot serves boot correctly.
func serveBoot(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("ETag", `"1"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(boot))
}

// cutting is a response with a connection that breaks after some bytes of the body.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	send(c.ResponseWriter, p[:n])
	if c.left -= n; c.left == 0 {
		flush(c.ResponseWriter)
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// send writes p. It ignores errors, because a client may disconnect.
func send(w io.Writer, p []byte) {
	_, _ = w.Write(p)
}

// flush sends what was written so far.
func flush(w http.ResponseWriter) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
}

// fetch reads a whole source.
func fetch(ctx context.Context, c Client, source string) ([]byte, error) {
	stream, err := c.Open(ctx, source)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	return io.ReadAll(stream)
}

func expectBoot(t *testing.T, content []byte, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(content, boot) {
		t.Errorf("got %d bytes that are not the %d served", len(content), len(boot))
	}
}

func TestHTTP(t *testing.T) {
	var header http.Header
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		header = r.Header
		serveBoot(w, r)
	})
	stream, err := quick.Open(t.Context(), strings.Replace(source, "//", "//user:secret@", 1))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := stream.Read(nil); n != 0 || err != nil {
		t.Errorf("of no bytes: %d, %v", n, err)
	}
	content, err := io.ReadAll(stream)
	expectBoot(t, content, err)
	if n, err := stream.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("after the end: %d, %v", n, err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if stream.Size != int64(len(boot)) || strings.Contains(stream.Source, "secret") {
		t.Errorf("size %d, source %q", stream.Size, stream.Source)
	}
	for name, want := range map[string]string{
		"User-Agent":      "terraform-provider-netboot",
		"Accept-Encoding": "identity",
		"Authorization":   "Basic dXNlcjpzZWNyZXQ=",
		"Range":           "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("sent %s %q, want %q", name, got, want)
		}
	}
}

func TestHTTPInjectedClient(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(serveBoot))
	defer server.Close()
	content, err := fetch(t.Context(), Client{HTTP: server.Client()}, server.URL)
	expectBoot(t, content, err)
}

func TestHTTPRetries(t *testing.T) {
	tests := map[string]func(w http.ResponseWriter){
		"503":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"429":         func(w http.ResponseWriter) { w.WriteHeader(http.StatusTooManyRequests) },
		"closed":      func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"retry after": func(w http.ResponseWriter) { w.Header().Set("Retry-After", "0"); w.WriteHeader(503) },
	}
	for name, fail := range tests {
		for _, failures := range []int32{2, 3} {
			t.Run(fmt.Sprintf("%s %d times", name, failures), func(t *testing.T) {
				var requests atomic.Int32
				source := serve(t, func(w http.ResponseWriter, r *http.Request) {
					if requests.Add(1) <= failures {
						fail(w)
						return
					}
					serveBoot(w, r)
				})
				client := quick
				client.Retries = 2
				content, err := fetch(t.Context(), client, source)
				if failures == 2 {
					expectBoot(t, content, err)
					return
				}
				expectError(t, err, "unable to download "+source)
				expectError(t, err, "(gave up after 2 retries)")
				if n := requests.Load(); n != 3 {
					t.Errorf("%d requests", n)
				}
			})
		}
	}
}

func TestHTTPStatus(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusNotFound:          `the server answered "404 Not Found": check the URL`,
		http.StatusForbidden:         "check the access",
		http.StatusProxyAuthRequired: "set the credentials",
		http.StatusNoContent:         "the URL must lead to the file itself",
		http.StatusBadGateway:        "try again later, or use a mirror (gave up after 4 retries)",
	} {
		var requests atomic.Int32
		source := serve(t, func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			w.WriteHeader(status)
		})
		_, err := fetch(t.Context(), quick, source)
		expectError(t, err, "unable to download "+source)
		expectError(t, err, want)
		if n := requests.Load(); status < 500 && n != 1 {
			t.Errorf("%d: %d requests", status, n)
		}
	}
}

func TestHTTPRetryAfterTooLong(t *testing.T) {
	for _, header := range []string{"3600", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)} {
		source := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := fetch(t.Context(), quick, source)
		expectError(t, err, "the server asks to try again in ")
	}
}

func TestHTTPUnreachable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	_, err := fetch(t.Context(), quick, server.URL+"/kernel")
	expectError(t, err, "unable to download "+server.URL+"/kernel: dial tcp")
	expectError(t, err, "connection refused (gave up after 4 retries)")
}

func TestHTTPUnknownServer(t *testing.T) {
	var attempts int
	client := quick
	client.HTTP = &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		attempts++
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "ports.example", IsNotFound: true}}
	})}
	_, err := fetch(t.Context(), client, "http://ports.example/kernel")
	expectError(t, err, "unable to download http://ports.example/kernel: dial tcp: lookup ports.example: no such host")
	if attempts != 1 {
		t.Errorf("%d attempts", attempts)
	}
}

func TestHTTPRedirects(t *testing.T) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kernel":
			http.Redirect(w, r, "/mirror/kernel", http.StatusFound)
		case "/mirror/kernel":
			serveBoot(w, r)
		case "/ftp":
			http.Redirect(w, r, "ftp://server/kernel", http.StatusFound)
		case "/nowhere":
			w.Header().Set("Location", "http://user:secret/@%zz/")
			w.WriteHeader(http.StatusFound)
		default:
			http.Redirect(w, r, r.URL.Path, http.StatusMovedPermanently)
		}
	})
	content, err := fetch(t.Context(), quick, source)
	expectBoot(t, content, err)

	_, err = fetch(t.Context(), quick, strings.Replace(source, "/kernel", "/loop", 1))
	expectError(t, err, "/loop: stopped after 10 redirects: the server redirects in a loop")

	_, err = fetch(t.Context(), quick, strings.Replace(source, "/kernel", "/ftp", 1))
	expectError(t, err, `a redirect leads to the scheme "ftp"`)

	_, err = fetch(t.Context(), quick, strings.Replace(source, "/kernel", "/nowhere", 1))
	expectError(t, err, "/nowhere: the server redirects to an invalid URL")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("a password is in %v", err)
	}
}

func TestHTTPWithoutLength(t *testing.T) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		flush(w)
		send(w, boot)
	})
	stream, err := quick.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	content, err := io.ReadAll(stream)
	expectBoot(t, content, err)
	if stream.Size != -1 {
		t.Errorf("size %d", stream.Size)
	}
}

func TestHTTPContentEncoding(t *testing.T) {
	var packed bytes.Buffer
	packer := gzip.NewWriter(&packed)
	send(packer, boot)
	packer.Close()
	encoding := "gzip"
	body := packed.Bytes()
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		send(w, body)
	})

	content, err := fetch(t.Context(), quick, source)
	expectBoot(t, content, err)

	content, err = fetch(t.Context(), quick, source+".gz")
	if err != nil || !bytes.Equal(content, packed.Bytes()) {
		t.Errorf("a .gz file: got %d bytes, %v", len(content), err)
	}

	body = body[:len(body)/2]
	_, err = fetch(t.Context(), quick, source)
	expectError(t, err, "unexpected EOF")

	body = boot
	_, err = fetch(t.Context(), quick, source)
	expectError(t, err, "the server announces the content encoding gzip but does not send gzip")

	encoding = "br"
	_, err = fetch(t.Context(), quick, source)
	expectError(t, err, `the server sends the content encoding "br"`)

	encoding = "identity"
	content, err = fetch(t.Context(), quick, source)
	expectBoot(t, content, err)
}

func TestHTTPWebPageAndChecksum(t *testing.T) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) { send(w, html) })
	stream, err := quick.Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	reader, err := Sniff(stream, CheckInitrd)
	if reader != nil {
		t.Error("the page is passed on")
	}
	expectError(t, err, "it is a web page")

	stream, err = quick.Open(t.Context(), serve(t, serveBoot))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	want, _ := ParseChecksum(sum256)
	_, err = io.Copy(io.Discard, Verify(stream, want, stream.Source))
	expectError(t, err, stream.Source+" has the checksum sha256:")
}

// FuzzContentRange checks that a range that is accepted is not empty, and is within its file.
func FuzzContentRange(f *testing.F) {
	for _, text := range []string{"bytes 0-4/5", "bytes 5-9/*", "bytes 9-3/*", "bytes -1-0/1", "bytes 0-9223372036854775807/*", "bytes */5", "bits 0-4/5"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := parseContentRange(text)
		if ok && (r.first < 0 || r.end <= r.first || r.size < r.end && r.size != -1) {
			t.Errorf("%q reads as %+v", text, r)
		}
	})
}
