package image

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// roundTrip is a transport without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// answer is a response with boot as its body, or with another status and no body.
func answer(req *http.Request, status int) *http.Response {
	resp := &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: http.NoBody, Request: req}
	if status == http.StatusOK {
		resp.ContentLength = int64(len(boot))
		resp.Body = io.NopCloser(bytes.NewReader(boot))
	}
	return resp
}

// bubble runs a test in fake time, with a client that is the production client except for the network.
func bubble(t *testing.T, network roundTrip, test func(t *testing.T, client Client)) {
	synctest.Test(t, func(t *testing.T) { test(t, Client{HTTP: &http.Client{Transport: network}}) })
}

func expectElapsed(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if elapsed := time.Since(start); elapsed != want {
		t.Errorf("it took %s, want %s", elapsed, want)
	}
}

func TestHTTPSlowReaderIsNoStall(t *testing.T) {
	bubble(t, func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusOK), nil
	}, func(t *testing.T, client Client) {
		stream, err := client.Open(t.Context(), "http://ports.example/kernel")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		time.Sleep(time.Hour)
		content, err := io.ReadAll(stream)
		expectBoot(t, content, err)
	})
}

func TestHTTPStallTime(t *testing.T) {
	bubble(t, func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}, func(t *testing.T, client Client) {
		start := time.Now()
		_, err := fetch(t.Context(), client, "http://ports.example/kernel")
		expectError(t, err, "unable to download http://ports.example/kernel: the server sent nothing for 30s")
		expectElapsed(t, start, 30*time.Second)
	})
}

func TestHTTPBackoffTime(t *testing.T) {
	bubble(t, func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusServiceUnavailable), nil
	}, func(t *testing.T, client Client) {
		start := time.Now()
		_, err := fetch(t.Context(), client, "http://ports.example/kernel")
		expectError(t, err, "(gave up after 4 retries)")
		expectElapsed(t, start, (500+1000+2000+4000)*time.Millisecond)
	})
}

func TestHTTPRetryAfterTime(t *testing.T) {
	for _, format := range []func(time.Duration) string{
		func(time.Duration) string { return "20" },
		func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) },
	} {
		requests := 0
		bubble(t, func(req *http.Request) (*http.Response, error) {
			if requests++; requests > 1 {
				return answer(req, http.StatusOK), nil
			}
			resp := answer(req, http.StatusTooManyRequests)
			resp.Header.Set("Retry-After", format(20*time.Second))
			return resp, nil
		}, func(t *testing.T, client Client) {
			start := time.Now()
			content, err := fetch(t.Context(), client, "http://ports.example/kernel")
			expectBoot(t, content, err)
			expectElapsed(t, start, 20*time.Second)
		})
	}
}
