package image

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// breaking serves boot and breaks the first connections, each after n bytes.
func breaking(times, n int, serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if times--; times >= 0 {
			w = &cutting{w, n}
		}
		serve(w, r)
	}
}

func TestResume(t *testing.T) {
	for tenth := range 10 {
		t.Run(fmt.Sprintf("after %d tenths", tenth), func(t *testing.T) {
			n := len(boot)*tenth/10 + 1
			content, err := fetch(t.Context(), quick, serve(t, breaking(1, n, serveBoot)))
			expectBoot(t, content, err)
		})
	}
	t.Run("again and again", func(t *testing.T) { // more often than there are retries, each with progress
		content, err := fetch(t.Context(), quick, serve(t, breaking(9, len(boot)/10, serveBoot)))
		expectBoot(t, content, err)
	})
	t.Run("without a length", func(t *testing.T) {
		content, err := fetch(t.Context(), quick, serve(t, breaking(1, len(boot)/2, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Header().Set("ETag", `"1"`)
				flush(w)
				send(w, boot)
				return
			}
			serveBoot(w, r)
		})))
		expectBoot(t, content, err)
	})
	t.Run("by date", func(t *testing.T) {
		content, err := fetch(t.Context(), quick, serve(t, breaking(1, len(boot)/2, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(string(boot)))
		})))
		expectBoot(t, content, err)
	})
	t.Run("after an overload", func(t *testing.T) {
		var requests atomic.Int32
		content, err := fetch(t.Context(), quick, serve(t, breaking(1, len(boot)/2, func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) == 2 {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			serveBoot(w, r)
		})))
		expectBoot(t, content, err)
	})
}

func TestResumeAfterShortRest(t *testing.T) {
	var requests atomic.Int32
	content, err := fetch(t.Context(), quick, serve(t, breaking(1, 1000, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) != 2 {
			serveBoot(w, r)
			return
		}
		w.Header().Set("Content-Range", "bytes 1000-1048575/1048576")
		w.WriteHeader(http.StatusPartialContent)
		flush(w) // chunked, so that the body ends correctly
		send(w, boot[1000:2000])
	})))
	expectBoot(t, content, err)
}

func TestResumeRefused(t *testing.T) {
	header := func(pairs ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(pairs); i += 2 {
				w.Header().Set(pairs[i], pairs[i+1])
			}
			w.Header().Set("Content-Length", fmt.Sprint(len(boot)))
			send(w, boot)
		}
	}
	// answer serves the first request correctly and then the status with a Content-Range.
	answer := func(status int, contentRange string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				serveBoot(w, r)
				return
			}
			w.Header().Set("Content-Range", contentRange)
			w.WriteHeader(status)
			send(w, boot[524288:])
		}
	}
	version := 0
	now := time.Now().UTC().Format(http.TimeFormat)
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"no validator": {header(), "the connection broke after 524288 of 1048576 bytes: unexpected EOF; the download cannot be resumed"},
		"neither length nor validator": {func(w http.ResponseWriter, r *http.Request) {
			flush(w)
			send(w, boot)
		}, "the connection broke after 524288 bytes: unexpected EOF; the download cannot be resumed"},
		"weak ETag":    {header("ETag", `W/"1"`, "Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"), "the download cannot be resumed"},
		"modified now": {header("Last-Modified", now, "Date", now), "the download cannot be resumed"},
		"no ranges":    {header("ETag", `"1"`), "the server does not support range requests"},
		"other start":  {answer(206, "bytes 524287-1048575/1048576"), `with Content-Range "bytes 524287-1048575/1048576"`},
		"other end":    {answer(206, "bytes 524288-1048574/1048576"), "with Content-Range"},
		"other length": {answer(206, "bytes 524288-1048575/1048577"), "with Content-Range"},
		"no range":     {answer(206, ""), `with Content-Range ""`},
		"out of range": {answer(416, "bytes */1048576"), "416 Requested Range Not Satisfiable"},
		"removed":      {answer(404, ""), "404 Not Found"},
		"changed": {func(w http.ResponseWriter, r *http.Request) {
			version++
			w.Header().Set("ETag", fmt.Sprintf(`"%d"`, version))
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(boot)))
		}, "the file has changed in the meantime"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			source := serve(t, breaking(1, 524288, test.handler))
			_, err := fetch(t.Context(), quick, source)
			expectError(t, err, "unable to download "+source)
			expectError(t, err, test.want)
		})
	}
}

func TestResumeGivesUp(t *testing.T) {
	var requests atomic.Int32
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			// The header of the rest, and no byte of it.
			w.Header().Set("Content-Range", "bytes 1-1048575/1048576")
			w.Header().Set("Content-Length", "1048575")
			w.WriteHeader(http.StatusPartialContent)
			flush(w)
			panic(http.ErrAbortHandler)
		}
		serveBoot(&cutting{w, 1}, r)
	})
	_, err := fetch(t.Context(), quick, source)
	expectError(t, err, "the connection broke after 1 of 1048576 bytes: unexpected EOF (gave up after 4 retries)")
	if n := requests.Load(); n != 5 {
		t.Errorf("%d requests", n)
	}
}

func TestResumeTooLong(t *testing.T) {
	source := serve(t, breaking(1, 524288, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			serveBoot(w, r)
			return
		}
		w.Header().Set("Content-Range", "bytes 524288-1048575/1048576")
		w.WriteHeader(http.StatusPartialContent)
		flush(w)
		send(w, boot)
	}))
	_, err := fetch(t.Context(), quick, source)
	expectError(t, err, "the server sends more than the 1048576 bytes that it announced")
}
