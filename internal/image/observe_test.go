package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// observed is a client that records its events, and checks what all events have in common.
func observed(t *testing.T, c Client) (Client, func() []Event) {
	var mu sync.Mutex
	var events []Event
	c.Observe = func(ctx context.Context, e Event) {
		mu.Lock()
		defer mu.Unlock()
		if ctx == nil || e.Attempt < 1 || e.Readers < 1 || e.Duration < e.Waited || e.Waited < 0 {
			t.Errorf("event %+v", e)
		}
		events = append(events, e)
	}
	return c, func() []Event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(events)
	}
}

// summary has the parts of the events that do not depend on the time, one line for each event.
func summary(events []Event) string {
	var lines strings.Builder
	for _, e := range events {
		fmt.Fprintf(&lines, "%s %d: %d bytes, last from %d: %v\n", e.Kind, e.Attempt, e.Bytes, e.Offset, e.Err)
	}
	return lines.String()
}

func expectEvents(t *testing.T, events []Event, want ...string) {
	t.Helper()
	if got := summary(events); got != strings.Join(want, "\n")+"\n" {
		t.Errorf("events:\n%swant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestObserve(t *testing.T) {
	whole := "download 1: 1048576 bytes, last from 0: <nil>"
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		events  []string
	}{
		"a good server": {serveBoot, []string{whole}},
		"without a length": {func(w http.ResponseWriter, _ *http.Request) {
			flush(w)
			send(w, boot)
		}, []string{whole}},
		"a broken connection": {breaking(1, 524288, serveBoot), []string{
			"retry 1: 524288 bytes, last from 0: the connection broke after 524288 of 1048576 bytes: unexpected EOF",
			"download 2: 1048576 bytes, last from 524288: <nil>",
		}},
		"no file": {http.NotFound, []string{
			`download 1: 0 bytes, last from 0: the server answered "404 Not Found": check the URL; distributions move files of old releases to an archive server`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			client, events := observed(t, quick)
			_, _ = fetch(t.Context(), client, serve(t, test.handler))
			expectEvents(t, events(), test.events...)
		})
	}
}

// TestObserveClose checks that a download reports its end once, and how much of it was not read.
func TestObserveClose(t *testing.T) {
	client, events := observed(t, quick)
	source := serve(t, serveBoot)
	for _, size := range []int{len(boot), 1000, 0} {
		stream, err := client.Open(t.Context(), source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(stream, make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		stream.Close()
	}
	all := events()
	if len(all) != 3 || all[0].Err != nil || all[0].Bytes != int64(len(boot)) || !errors.Is(all[1].Err, errClosed) || !errors.Is(all[2].Err, errClosed) {
		t.Errorf("events:\n%s", summary(all))
	}
}

// TestObserveWait uses a server that is silent for some time, before its answer and in the middle of it.
func TestObserveWait(t *testing.T) {
	bubble(t, func(req *http.Request) (*http.Response, error) {
		time.Sleep(12 * time.Second)
		resp := answer(req, http.StatusOK)
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(boot[:1000]), &pausing{25 * time.Second}, bytes.NewReader(boot[1000:])))
		return resp, nil
	}, func(t *testing.T, client Client) {
		client, events := observed(t, client)
		content, err := fetch(t.Context(), client, "http://server/kernel")
		expectBoot(t, content, err)
		all := events()
		expectEvents(t, all,
			"wait 1: 0 bytes, last from 0: <nil>",
			"wait 1: 0 bytes, last from 0: <nil>",
			"wait 1: 1000 bytes, last from 0: <nil>",
			"wait 1: 1000 bytes, last from 0: <nil>",
			"wait 1: 1000 bytes, last from 0: <nil>",
			"download 1: 1048576 bytes, last from 0: <nil>")
		for i, want := range []int{5, 10, 17, 22, 32, 37} {
			if e := all[i]; e.Duration != time.Duration(want)*time.Second || e.Waited != e.Duration {
				t.Errorf("event %d comes after %s, %s of which it waited", i, e.Duration, e.Waited)
			}
		}
	})
}

// pausing ends after a pause.
type pausing struct{ pause time.Duration }

func (p *pausing) Read([]byte) (int, error) {
	time.Sleep(p.pause)
	return 0, io.EOF
}

// TestObserveShared checks that a shared download is reported once, with its readers, and that a reader that
// blocks it gets its own download.
func TestObserveShared(t *testing.T) {
	var requests atomic.Int64
	url := serveLarge(t, &requests)
	client, events := observed(t, together())
	still, err := client.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	readWhole(t, client, url)
	if _, err := io.Copy(io.Discard, still); err != nil {
		t.Fatal(err)
	}
	still.Close()
	all := events()
	whole := fmt.Sprintf("download 1: %d bytes, last from 0: <nil>", len(large))
	expectEvents(t, all, whole, whole)
	if all[0].Readers != 2 || all[1].Readers != 1 {
		t.Errorf("read by %d and %d", all[0].Readers, all[1].Readers)
	}
}

// TestObserveISO checks that each section of an image is a download.
func TestObserveISO(t *testing.T) {
	client, events := observed(t, quick)
	medium := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(boot))
	})
	_, err := client.OpenInISO(t.Context(), medium, "boot/kernel")
	expectError(t, err, "ISO")
	expectEvents(t, events(), "download 1: 131072 bytes, last from 0: <nil>")
}

// TestObserveSecrets checks that no event has credentials of a source.
func TestObserveSecrets(t *testing.T) {
	const secret = "hunter2"
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/kernel":
			breaking(1, 524288, serveBoot)(w, r)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/loop":
			http.Redirect(w, r, "/loop?token="+secret, http.StatusFound)
		case "/ftp":
			http.Redirect(w, r, "ftp://"+secret+":"+secret+"@host/?token="+secret, http.StatusFound)
		case "/nowhere":
			w.Header().Set("Location", "http://user:"+secret+"/@%zz/")
			w.WriteHeader(http.StatusFound)
		}
	})
	dead := "http://127.0.0.1:1/kernel"
	client, events := observed(t, quick)
	for _, plain := range []string{source, source[:len(source)-len("kernel")] + "busy", strings.Replace(source, "kernel", "loop", 1), strings.Replace(source, "kernel", "ftp", 1), strings.Replace(source, "kernel", "nowhere", 1), dead} {
		before := len(events())
		_, _ = fetch(t.Context(), client, strings.Replace(plain, "://", "://"+secret+":"+secret+"@", 1)+"?token="+secret)
		all := events()[before:]
		if len(all) == 0 || all[0].Source != plain {
			t.Errorf("%s: events %+v", plain, all)
		}
		if text := fmt.Sprintf("%+v", all); strings.Contains(text, secret) || strings.Contains(summary(all), secret) {
			t.Errorf("a secret is in %s", text)
		}
	}
}

// TestObserveNothing checks that a download without a hook has no extra cost.
func TestObserveNothing(t *testing.T) {
	if allocations := testing.AllocsPerRun(10, func() {
		o := Client{}.observe(context.Background(), nil)
		o.share(nil)
		o.asks(0)
		o.waits()
		o.got(1)
		o.retries(io.EOF, time.Second)
		o.end(nil)
		if o != nil {
			t.Fatal("there is an observation")
		}
	}); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}
