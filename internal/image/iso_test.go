package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/iso9660"
)

// isoImage is an image with boot as the file "kernel" after small files.
func isoImage(t *testing.T) []byte {
	t.Helper()
	var image bytes.Buffer
	err := iso9660.Write(&image, "boot", []iso9660.File{
		{Name: "ubuntu.ins", Content: []byte("* Ubuntu\nkernel 0x0\n")},
		{Name: "kernel", Content: boot},
		{Name: "last", Content: []byte("last")},
		{Name: "empty"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return image.Bytes()
}

// isoServer serves an image, and counts requests.
type isoServer struct {
	image  []byte
	header http.Header
	fault  func(w http.ResponseWriter, r *http.Request, request int) http.ResponseWriter // nil: none

	lock     sync.Mutex
	requests []string // their ranges
	sent     int
}

func (s *isoServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	s.requests = append(s.requests, r.Header.Get("Range"))
	request := len(s.requests)
	s.lock.Unlock()
	for name, values := range s.header {
		w.Header()[name] = values
	}
	w = &counting{w, s}
	if s.fault != nil {
		if w = s.fault(w, r, request); w == nil {
			return
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.image))
}

type counting struct {
	http.ResponseWriter
	server *isoServer
}

func (c *counting) Write(p []byte) (int, error) {
	c.server.lock.Lock()
	defer c.server.lock.Unlock()
	c.server.sent += len(p)
	return c.ResponseWriter.Write(p)
}

func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (s *isoServer) start(t *testing.T) (source string) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL + "/ubuntu.iso"
}

func tagged(tag string) http.Header { return http.Header{"Etag": {tag}} }

func fetchInISO(ctx context.Context, source, path string) ([]byte, error) {
	stream, err := quick.OpenInISO(ctx, source, path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(stream)
	if err == nil && stream.Size != int64(len(content)) {
		err = fmt.Errorf("%d bytes of %d", len(content), stream.Size)
	}
	return content, errors.Join(err, stream.Close())
}

func TestISOLocal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ubuntu.iso")
	if err := os.WriteFile(path, isoImage(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{path, "file://" + path} {
		content, err := fetchInISO(t.Context(), source, "/kernel")
		expectBoot(t, content, err)
	}
	stream, err := quick.OpenInISO(t.Context(), path, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if stream.Source != "kernel in "+path || stream.Size != int64(len(boot)) {
		t.Errorf("source %q, size %d", stream.Source, stream.Size)
	}
	if err := os.Truncate(path, 1<<18); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(stream); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of a file that was cut: %v", err)
	}
}

func TestISOErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ubuntu.iso")
	if err := os.WriteFile(path, isoImage(t), 0o600); err != nil {
		t.Fatal(err)
	}
	server := isoServer{image: isoImage(t), header: tagged(`"1"`)}
	source := server.start(t)
	kernel := serve(t, serveBoot)
	for _, tt := range []struct{ source, path, want string }{
		{path, "krenel", "unable to read krenel in the ISO image " + path + `: there is no "krenel" in the directory /; it has: ubuntu.ins, kernel, last, empty`},
		{source, "krenel", "unable to read krenel in the ISO image " + source + `: there is no "krenel" in the directory /`},
		{kernel, "kernel", "unable to read kernel in the ISO image " + kernel + ": it is not an ISO 9660 image"},
		{path + ".absent", "kernel", "on the machine that runs Terraform (not on the libvirt host): no such file"},
		{"tftp://server/ubuntu.iso", "kernel", "use http, https, ftp, file or a local path"},
		{strings.Replace(source, "//", "//user:secret@", 1), "krenel", "://user:xxxxx@"},
	} {
		_, err := fetchInISO(t.Context(), tt.source, tt.path)
		expectError(t, err, tt.want)
	}
}

func TestISORanges(t *testing.T) {
	for name, tt := range map[string]struct {
		path     string
		want     []byte
		requests []string
	}{
		"large": {"kernel", boot, []string{"bytes=0-131071", "bytes=45056-1093631"}},
		"small": {"ubuntu.ins", []byte("* Ubuntu\nkernel 0x0\n"), []string{"bytes=0-131071"}},
		"last":  {"last", []byte("last"), []string{"bytes=0-131071", "bytes=1048576-1095679"}},
		"empty": {"empty", []byte{}, []string{"bytes=0-131071"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := isoServer{image: isoImage(t), header: tagged(`"1"`)}
			content, err := fetchInISO(t.Context(), server.start(t), tt.path)
			if err != nil || !bytes.Equal(content, tt.want) {
				t.Errorf("got %d bytes, %v", len(content), err)
			}
			if fmt.Sprint(server.requests) != fmt.Sprint(tt.requests) {
				t.Errorf("asked for %q", server.requests)
			}
		})
	}
}

func TestISOOfOneBlock(t *testing.T) {
	var image bytes.Buffer
	if err := iso9660.Write(&image, "small", []iso9660.File{{Name: "file", Content: []byte("content")}}); err != nil {
		t.Fatal(err)
	}
	server := isoServer{image: image.Bytes(), header: tagged(`"1"`)}
	content, err := fetchInISO(t.Context(), server.start(t), "file")
	if err != nil || string(content) != "content" || len(server.requests) != 1 {
		t.Errorf("got %q, %v, by %q", content, err, server.requests)
	}
}

// sparse is an ISO image of 1 GiB with holes: its only large file is at the end of the image.
type sparse struct {
	*bytes.Reader
	image []byte
	from  int64 // where the content of the kernel is
}

const sparseSize = 1 << 30

func (s *sparse) ReadAt(p []byte, at int64) (int, error) {
	clear(p)
	if at < int64(len(s.image)) {
		copy(p, s.image[at:])
	}
	for offset := int64(0); offset < int64(len(p)); offset++ {
		if i := at + offset - s.from; i >= 0 && i < int64(len(boot)) {
			offset += int64(copy(p[offset:], boot[i:])) - 1
		}
	}
	return len(p), nil
}

func TestISORangesOfALargeImage(t *testing.T) {
	image := isoImage(t)
	record := bytes.LastIndex(image[:64<<10], []byte("00000001.;1")) - 33
	from := int64(sparseSize - len(boot))
	for i := range 4 { // ECMA-119 9.1.3, in both byte orders
		image[record+2+i] = byte(from / 2048 >> (8 * i))
		image[record+9-i] = byte(from / 2048 >> (8 * i))
	}
	content := io.NewSectionReader(&sparse{image: image[:64<<10], from: from}, 0, sparseSize)
	counts := isoServer{header: tagged(`"1"`)}
	counts.fault = func(w http.ResponseWriter, r *http.Request, _ int) http.ResponseWriter {
		http.ServeContent(w, r, "", time.Time{}, content)
		return nil
	}
	server := httptest.NewServer(&counts)
	got, err := fetchInISO(t.Context(), server.URL, "kernel")
	server.Close() // so that everything is counted
	expectBoot(t, got, err)
	if overhead := counts.sent - len(boot); len(counts.requests) > 4 || overhead > 300<<10 {
		t.Errorf("%q, and %d bytes in addition to the content", counts.requests, overhead)
	}
}

// withoutRanges makes the server send the whole file for any request.
func withoutRanges(w http.ResponseWriter, r *http.Request, _ int) http.ResponseWriter {
	r.Header.Del("Range")
	return w
}

func TestISOWithoutRanges(t *testing.T) {
	for path, want := range map[string]string{
		"kernel": string(boot), "ubuntu.ins": "* Ubuntu\nkernel 0x0\n", "last": "last", "empty": "",
	} {
		t.Run(path, func(t *testing.T) {
			server := isoServer{image: isoImage(t), header: tagged(`"1"`), fault: withoutRanges}
			content, err := fetchInISO(t.Context(), server.start(t), path)
			if err != nil || string(content) != want {
				t.Errorf("got %d bytes, %v", len(content), err)
			}
			if len(server.requests) != 1 {
				t.Errorf("asked for %q", server.requests)
			}
		})
	}
}

func TestISOWithoutRangesOrLength(t *testing.T) {
	const rootRecord = 16*2048 + 156 // ECMA-119 8.4.18
	image := isoImage(t)
	size := len(image)
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		flush(w)
		send(w, image[:size])
	})
	content, err := fetchInISO(t.Context(), source, "kernel")
	expectBoot(t, content, err)
	size = 1 << 18
	_, err = fetchInISO(t.Context(), source, "kernel")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of an image that ends too early: %v", err)
	}
	copy(image[rootRecord+2:], "\xff\xff\xff\x7f") // ECMA-119 9.1.3: the directory is far beyond the end
	size = len(image)
	_, err = fetchInISO(t.Context(), source, "kernel")
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("of an image that leads far beyond its end: %v", err)
	}
}

func TestISOWithoutRangesBackwards(t *testing.T) {
	server := isoServer{image: isoImage(t), header: tagged(`"1"`), fault: withoutRanges}
	u := server.start(t)
	_, remote, err := parseSource(u)
	if err != nil {
		t.Fatal(err)
	}
	file, err := quick.openRemote(t.Context(), remote)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.ReadAt(make([]byte, 10), int64(len(server.image)-10)); err != nil {
		t.Fatal(err)
	}
	if _, err := file.ReadAt(make([]byte, 10), 0); err != nil {
		t.Errorf("what is held: %v", err)
	}
	if _, err := file.ReadAt(make([]byte, 10), int64(len(server.image)-5)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("after the end: %v", err)
	}
	clear(file.blocks) // as after so much reading that the block is no longer kept
	_, err = file.ReadAt(make([]byte, 10), 0)
	expectError(t, err, "the server does not support range requests, and the next part to read is before the part that it has already sent: download the image and give its local path")
}

func TestISOBlocks(t *testing.T) {
	server := isoServer{image: make([]byte, (maxBlocks+4)*rangeBlock+5), header: tagged(`"1"`)}
	for i := range server.image {
		server.image[i] = byte(i / rangeBlock)
	}
	_, u, err := parseSource(server.start(t))
	if err != nil {
		t.Fatal(err)
	}
	file, err := quick.openRemote(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(io.NewSectionReader(file, 0, file.size()))
	if err != nil || !bytes.Equal(got, server.image) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if len(server.requests) != maxBlocks+5 || len(file.blocks) > maxBlocks {
		t.Errorf("%d requests, %d blocks", len(server.requests), len(file.blocks))
	}
	for _, at := range []int64{file.size(), file.size() + rangeBlock} {
		if _, err := file.ReadAt(make([]byte, 1), at); err != io.ErrUnexpectedEOF {
			t.Errorf("at %d: %v", at, err)
		}
	}
}

func TestISOChanges(t *testing.T) {
	newTag := func(tag string) func(http.ResponseWriter, *http.Request, int) http.ResponseWriter {
		return func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
			if request > 1 {
				w.Header().Set("ETag", tag)
			}
			return w
		}
	}
	const want = "the file changed while it was read: try again"
	for name, tt := range map[string]struct {
		tag   string
		fault func(http.ResponseWriter, *http.Request, int) http.ResponseWriter
		want  string
	}{
		"strong": {`"1"`, newTag(`"2"`), want},
		"weak":   {`W/"1"`, newTag(`W/"2"`), want},
		"ignores If-Range": {`"1"`, func(w http.ResponseWriter, r *http.Request, request int) http.ResponseWriter {
			r.Header.Del("If-Range")
			return newTag(`"2"`)(w, r, request)
		}, want},
		"by length": {"", func(w http.ResponseWriter, r *http.Request, request int) http.ResponseWriter {
			if request == 1 {
				return w
			}
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(make([]byte, 2<<20)))
			return nil
		}, `the server answered a request for the range "bytes=45056-1093631" with Content-Range "bytes 45056-1093631/2097152"`},
		"ranges without a size": {`"1"`, func(w http.ResponseWriter, r *http.Request, _ int) http.ResponseWriter {
			w.Header().Set("Content-Range", "bytes 0-131071/*")
			w.WriteHeader(http.StatusPartialContent)
			send(w, make([]byte, rangeBlock))
			return nil
		}, `the server answered a request for the range "bytes=0-131071" with Content-Range "bytes 0-131071/*"`},
		"packed": {`"1"`, func(w http.ResponseWriter, _ *http.Request, _ int) http.ResponseWriter {
			w.Header().Set("Content-Encoding", "gzip")
			return w
		}, `the server sends the content encoding "gzip"`},
		"gone": {`"1"`, func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
			if request == 1 {
				return w
			}
			w.WriteHeader(http.StatusNotFound)
			return nil
		}, `the server answered "404 Not Found"`},
	} {
		t.Run(name, func(t *testing.T) {
			server := isoServer{image: isoImage(t), header: tagged(tt.tag), fault: tt.fault}
			source := server.start(t)
			_, err := fetchInISO(t.Context(), source, "kernel")
			expectError(t, err, "unable to download "+source+": "+tt.want)
		})
	}
}

func TestISOUnchanged(t *testing.T) {
	for name, header := range map[string]http.Header{"weak": tagged(`W/"1"`), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			server := isoServer{image: isoImage(t), header: header}
			content, err := fetchInISO(t.Context(), server.start(t), "kernel")
			expectBoot(t, content, err)
		})
	}
}

func TestISOBrokenConnections(t *testing.T) {
	for request := 1; request <= 2; request++ {
		for _, n := range []int{1, rangeBlock / 2, rangeBlock - 1} {
			for name, fault := range map[string]func(http.ResponseWriter, *http.Request, int) http.ResponseWriter{
				"ranges": func(w http.ResponseWriter, _ *http.Request, r int) http.ResponseWriter {
					if r == request {
						return &cutting{w, n}
					}
					return w
				},
				"503": func(w http.ResponseWriter, _ *http.Request, r int) http.ResponseWriter {
					if r == request {
						w.WriteHeader(http.StatusServiceUnavailable)
						return nil
					}
					return w
				},
			} {
				t.Run(fmt.Sprintf("%s, request %d, after %d bytes", name, request, n), func(t *testing.T) {
					server := isoServer{image: isoImage(t), header: tagged(`"1"`), fault: fault}
					content, err := fetchInISO(t.Context(), server.start(t), "kernel")
					expectBoot(t, content, err)
					if len(server.requests) != 3 {
						t.Errorf("asked for %q", server.requests)
					}
				})
			}
		}
	}
}

func TestISOBrokenWithoutValidator(t *testing.T) {
	server := isoServer{image: isoImage(t), fault: func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
		if request == 2 {
			return &cutting{w, 1000}
		}
		return w
	}}
	_, err := fetchInISO(t.Context(), server.start(t), "kernel")
	expectError(t, err, "the connection broke after 1000 of 1048576 bytes: unexpected EOF; the download cannot be resumed")
}

// TestISORedirect redirects every request to another mirror. Each mirror has its own tags.
func TestISORedirect(t *testing.T) {
	mirrors := []*isoServer{{image: isoImage(t), header: tagged(`"1"`)}, {image: isoImage(t), header: tagged(`"2"`)}}
	sources := []string{mirrors[0].start(t), mirrors[1].start(t)}
	redirects := 0
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, sources[redirects%2]+"?signature=secret", http.StatusFound)
		redirects++
	})
	content, err := fetchInISO(t.Context(), source, "kernel")
	expectBoot(t, content, err)
	if redirects != 1 || len(mirrors[1].requests) > 0 {
		t.Errorf("%d redirects, the second mirror was asked for %q", redirects, mirrors[1].requests)
	}
	mirrors[0].fault = func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, request))
		return w
	}
	redirects = 0
	_, err = fetchInISO(t.Context(), source, "kernel")
	expectError(t, err, "unable to download "+source+": the file changed while")
}

func TestISOCredentials(t *testing.T) {
	server := isoServer{image: isoImage(t), header: tagged(`"1"`)}
	server.fault = func(w http.ResponseWriter, r *http.Request, _ int) http.ResponseWriter {
		if _, password, _ := r.BasicAuth(); password != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return nil
		}
		if r.URL.Path != "/here" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return nil
		}
		return w
	}
	source := strings.Replace(server.start(t), "//", "//user:secret@", 1)
	content, err := fetchInISO(t.Context(), source, "kernel")
	expectBoot(t, content, err)
}

func TestISOCancel(t *testing.T) {
	stopped := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	server := isoServer{image: isoImage(t), header: tagged(`"1"`), fault: func(w http.ResponseWriter, r *http.Request, request int) http.ResponseWriter {
		if request == 2 {
			cancel(stopped)
			<-r.Context().Done()
		}
		return w
	}}
	if _, err := fetchInISO(ctx, server.start(t), "kernel"); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

func TestISOBrokenBlocks(t *testing.T) {
	notFound := func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
		if request == 1 {
			return w
		}
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	cut := func(w http.ResponseWriter, _ *http.Request, request int) http.ResponseWriter {
		if request == 1 {
			return w
		}
		return &cutting{w, 1000}
	}
	cutWithoutRanges := func(w http.ResponseWriter, r *http.Request, request int) http.ResponseWriter {
		return &cutting{withoutRanges(w, r, request), 3 * rangeBlock}
	}
	for name, tt := range map[string]struct {
		fault func(http.ResponseWriter, *http.Request, int) http.ResponseWriter
		want  string
	}{
		"gone":               {notFound, `the server answered "404 Not Found"`},
		"cut":                {cut, "the connection broke after 1000 of 47104 bytes: unexpected EOF; the download cannot be resumed"},
		"cut without ranges": {cutWithoutRanges, "the connection broke after 393216 of 1095680 bytes: unexpected EOF; the download cannot be resumed"},
	} {
		t.Run(name, func(t *testing.T) {
			server := isoServer{image: isoImage(t), fault: tt.fault}
			_, err := fetchInISO(t.Context(), server.start(t), "last")
			expectError(t, err, tt.want)
		})
	}
}
