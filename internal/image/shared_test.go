package image

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"
)

// large is larger than the window of a shared download.
var large = bytes.Repeat(boot, 3*sharedWindow/2/len(boot))

// serveLarge counts the requests and serves large by ranges.
func serveLarge(t *testing.T, requests *atomic.Int64) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(large))
	})
}

func together() Client {
	c := quick
	c.Together = &Downloads{}
	return c
}

// TestDownloadsAreShared checks that readers that open the file at the same time get the whole file with one request, each
// at its own pace.
func TestDownloadsAreShared(t *testing.T) {
	var requests atomic.Int64
	url, client := serveLarge(t, &requests), together()
	var streams []*Stream
	for range 4 {
		stream, err := client.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		streams = append(streams, stream)
	}
	readers := []io.Reader{streams[0], iotest.HalfReader(streams[1]), iotest.DataErrReader(streams[2]), streams[3]}
	var all sync.WaitGroup
	for i, r := range readers {
		all.Go(func() {
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, large) {
				t.Errorf("reader %d got %d bytes, %v", i, len(got), err)
			}
			if err := streams[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	if got := readWhole(t, client, url); !bytes.Equal(got, large) || requests.Load() != 2 {
		t.Errorf("a later reader got %d bytes by request %d, want a second request", len(got), requests.Load())
	}
}

// TestOneStandsStill checks that no reader waits for a reader that reads nothing, and that this reader can continue
// from where it was.
func TestOneStandsStill(t *testing.T) {
	for _, read := range []int{0, 1000} {
		var requests atomic.Int64
		url, client := serveLarge(t, &requests), together()
		still, err := client.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer still.Close()
		head := make([]byte, read)
		if _, err := io.ReadFull(still, head); err != nil {
			t.Fatal(err)
		}
		if got := readWhole(t, client, url); !bytes.Equal(got, large) {
			t.Errorf("the other reader got %d bytes", len(got))
		}
		rest, err := io.ReadAll(still)
		if err != nil || !bytes.Equal(slices.Concat(head, rest), large) {
			t.Errorf("the slow reader got %d bytes and %d, %v", len(head), len(rest), err)
		}
		if n := requests.Load(); n != 2 {
			t.Errorf("%d requests", n)
		}
	}
}

// TestUnresumableIsNotShared checks that a reader that cannot download the rest by itself does not stop the others, or is stopped by
// them, while it reads nothing. This happens if both unpack an xz file, because only one is unpacked at a time.
func TestUnresumableIsNotShared(t *testing.T) {
	for name, header := range map[string]http.Header{
		"no validator": {"Accept-Ranges": {"bytes"}},
		"no ranges":    {"Etag": {`"1"`}},
	} {
		var requests atomic.Int64
		url, client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			requests.Add(1)
			maps.Copy(w.Header(), header)
			w.Header().Set("Content-Length", strconv.Itoa(len(large)))
			_, _ = w.Write(large)
		}), together()
		still, err := client.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer still.Close()
		if _, err := io.ReadFull(still, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if got := readWhole(t, client, url); !bytes.Equal(got, large) || requests.Load() != 2 {
			t.Errorf("%s: the other reader got %d bytes by request %d", name, len(got), requests.Load())
		}
	}
}

func readWhole(t *testing.T, client Client, url string) []byte {
	t.Helper()
	stream, err := client.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	got, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestOneGivesUp checks that a download continues without the reader that began it, and ends with the last reader.
func TestOneGivesUp(t *testing.T) {
	var requests atomic.Int64
	url, client := serveLarge(t, &requests), together()
	stopped := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	first, err := client.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	cancel(stopped)
	if _, err := io.ReadAll(first); !errors.Is(err, stopped) {
		t.Errorf("the reader that gave up read until %v", err)
	}
	first.Close()
	if got, err := io.ReadAll(second); err != nil || !bytes.Equal(got, large) {
		t.Errorf("the other reader got %d bytes, %v", len(got), err)
	}
	second.Close()

	third, err := client.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	third.Close() // before anything is read
	if got := readWhole(t, client, url); !bytes.Equal(got, large) {
		t.Errorf("a reader after the last one got %d bytes", len(got))
	}
}

// TestLeftDownloadIsNotJoined checks that a download that its last reader has left is not joined, even if bytes still arrive.
func TestLeftDownloadIsNotJoined(t *testing.T) {
	s := &sharedDownload{client: together(), url: &url.URL{}, opened: make(chan struct{}), moved: sync.NewCond(&sync.Mutex{}), window: make([]byte, 10), cancel: func() {}}
	if err := s.join(t.Context(), s.client, s.url).Close(); err != nil {
		t.Fatal(err)
	}
	s.put([]byte("late"), nil)
	if r := s.join(t.Context(), s.client, s.url); r != nil {
		t.Error("it is joined")
	}
}

// TestSharedFailure checks that all readers get a failure, including a failure of the request.
func TestSharedFailure(t *testing.T) {
	asked := make(chan struct{})
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		<-asked
		http.NotFound(w, r)
	})
	client := together()
	failures := make(chan error)
	for range 2 {
		go func() {
			_, err := client.Open(t.Context(), url)
			failures <- err
		}()
	}
	close(asked)
	for range 2 {
		var status *statusError
		if err := <-failures; !errors.As(err, &status) || status.code != http.StatusNotFound {
			t.Errorf("error %v", err)
		}
	}
}
