package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

var content = bytes.Repeat([]byte("0123456789"), 1000)

func TestServer(t *testing.T) {
	for name, test := range map[string]struct {
		faults []Fault
		status int
		body   []byte // as far as it arrives
		length int64
		err    error
	}{
		"good":      {nil, 200, content, 10000, nil},
		"not found": {[]Fault{Status(404)}, 404, []byte("Not Found\n"), 10, nil},
		"no length": {[]Fault{NoLength()}, 200, content, -1, nil},
		"cut":       {[]Fault{CutAfter(1234)}, 200, content[:1234], 10000, io.ErrUnexpectedEOF},
		"stalled":   {[]Fault{StallAfter(1234)}, 200, content[:1234], 10000, context.DeadlineExceeded},
		"slow":      {[]Fault{Slow(time.Millisecond)}, 200, content, 10000, nil},
		"altered":   {[]Fault{Altered()}, 200, append(bytes.Clone(content[:9999]), '8'), 10000, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body, err := fetch(t, NewServer(t).Serve("kernel", content, test.faults...))
			if response.StatusCode != test.status || response.ContentLength != test.length {
				t.Errorf("got status %d and length %d, want %d and %d",
					response.StatusCode, response.ContentLength, test.status, test.length)
			}
			if !bytes.Equal(body, test.body) || !errors.Is(err, test.err) {
				t.Errorf("got %d bytes and error %v, want %d bytes and error %v", len(body), err, len(test.body), test.err)
			}
		})
	}
}

// fetch gives up after a second, which happens only if a server stalls.
func fetch(t *testing.T, url string) (*http.Response, []byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func TestServerRecovers(t *testing.T) {
	s := NewServer(t)
	url := s.Serve("kernel", content, First(2, Status(503)))
	for _, want := range []int{503, 503, 200} {
		if response, _, _ := fetch(t, url); response.StatusCode != want {
			t.Errorf("got status %d, want %d", response.StatusCode, want)
		}
	}
	if got := s.Requests("kernel"); got != 3 {
		t.Errorf("counted %d requests, want 3", got)
	}
}

func TestServerRedirects(t *testing.T) {
	s := NewServer(t)
	url := s.Serve("old", nil, RedirectTo(s.Serve("new", content)))
	if _, body, err := fetch(t, url); err != nil || !bytes.Equal(body, content) {
		t.Errorf("got %d bytes and error %v after a redirect", len(body), err)
	}
	if _, err := http.Get(s.Serve("loop", nil, RedirectLoop())); err == nil {
		t.Error("a redirect loop led somewhere")
	}
}

func TestServerSendsPage(t *testing.T) {
	response, body, _ := fetch(t, NewServer(t).Serve("kernel", content, HTMLPage()))
	if response.StatusCode != 200 || !bytes.Contains(body, []byte("<html>")) {
		t.Errorf("got status %d and %q", response.StatusCode, body)
	}
}
