package lab

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Server is a web server on the loopback interface that serves files, each with faults of real servers. It
// closes at the end of the test.
type Server struct {
	http *httptest.Server

	mu       sync.Mutex
	files    map[string]file // by URL path
	requests map[string]int
}

type file struct {
	content []byte
	faults  []Fault
}

// NewServer starts a server with no files: it answers every request with 404 Not Found.
func NewServer(t testing.TB) *Server {
	t.Helper()
	s := &Server{files: map[string]file{}, requests: map[string]int{}}
	s.http = httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(func() {
		s.http.CloseClientConnections() // without this, Close would wait for a stalled connection
		s.http.Close()
	})
	return s
}

// Serve serves the content under the name, replaces earlier content, and returns its URL. The first fault that
// handles a request answers it. If no fault handles it, the server sends the content correctly.
func (s *Server) Serve(name string, content []byte, faults ...Fault) (url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files["/"+name] = file{content, faults}
	return s.http.URL + "/" + name
}

// Requests returns how often the name was requested so far, by GET or any other method.
func (s *Server) Requests(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests["/"+name]
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	file, found := s.files[r.URL.Path]
	s.requests[r.URL.Path]++
	request := Request{w, r, file.content, s.requests[r.URL.Path]}
	s.mu.Unlock()

	if !found {
		http.NotFound(w, r)
		return
	}
	for _, fault := range file.faults {
		if fault(request) {
			return
		}
	}
	request.send(len(file.content))
}

// Request is a request that a fault may answer.
type Request struct {
	http.ResponseWriter
	*http.Request
	Content []byte // what the server has under this name
	Count   int    // of requests for this name, from 1
}

// send announces the whole content and sends its first n bytes.
func (r Request) send(n int) {
	r.ResponseWriter.Header().Set("Content-Type", "application/octet-stream")
	r.ResponseWriter.Header().Set("Content-Length", strconv.Itoa(len(r.Content)))
	r.write(r.Content[:n])
}

// write writes at once. It ignores errors, which mean that the client has disconnected.
func (r Request) write(part []byte) {
	_, _ = r.ResponseWriter.Write(part)
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Fault answers a request wrongly and returns true, or does nothing and returns false.
type Fault func(Request) bool

// Status answers with an error's status, such as 404, and its name.
func Status(code int) Fault {
	return func(r Request) bool {
		http.Error(r.ResponseWriter, http.StatusText(code), code)
		return true
	}
}

// First applies the fault only to the first n requests.
func First(n int, fault Fault) Fault {
	return func(r Request) bool { return r.Count <= n && fault(r) }
}

// NoLength sends the whole content without saying how long it is, in chunks.
func NoLength() Fault {
	return func(r Request) bool {
		r.write(nil)
		r.write(r.Content)
		return true
	}
}

// CutAfter announces the whole content and closes the connection after n bytes of it.
func CutAfter(n int) Fault {
	return func(r Request) bool {
		r.send(n)
		panic(http.ErrAbortHandler) // the way to close one connection, which net/http does not log
	}
}

// StallAfter sends n bytes and then nothing more, until the client disconnects.
func StallAfter(n int) Fault {
	return func(r Request) bool {
		r.send(n)
		<-r.Context().Done()
		return true
	}
}

// Slow sends ten pieces of the content with a pause before each.
func Slow(pause time.Duration) Fault {
	return func(r Request) bool {
		r.send(0)
		size := max(1, (len(r.Content)+9)/10)
		for start := 0; start < len(r.Content); start += size {
			time.Sleep(pause)
			r.write(r.Content[start:min(start+size, len(r.Content))])
		}
		return true
	}
}

// RedirectTo sends the client to another URL.
func RedirectTo(url string) Fault {
	return func(r Request) bool {
		http.Redirect(r.ResponseWriter, r.Request, url, http.StatusFound)
		return true
	}
}

// RedirectLoop sends the client in a circle.
func RedirectLoop() Fault {
	return func(r Request) bool { return RedirectTo(r.URL.Path)(r) }
}

// HTMLPage answers with 200 OK and a page, as captive portals do, and mirrors for files that they do not have.
func HTMLPage() Fault {
	return func(r Request) bool {
		r.ResponseWriter.Header().Set("Content-Type", "text/html")
		r.write([]byte("<!DOCTYPE html>\n<html><body><h1>Sorry, this page is not here.</h1></body></html>\n"))
		return true
	}
}

// Altered sends content of the right length with one bit of its last byte flipped.
func Altered() Fault {
	return func(r Request) bool {
		r.Content = bytes.Clone(r.Content)
		r.Content[len(r.Content)-1] ^= 1
		r.send(len(r.Content))
		return true
	}
}
