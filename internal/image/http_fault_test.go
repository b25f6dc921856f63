package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestHTTPTooLong checks that bytes after the announced end are dropped, and are not part of the next answer
// or of the log.
func TestHTTPTooLong(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	for name, tail := range map[string]string{
		"by a byte":    "x",
		"by much":      strings.Repeat("surplus", 100_000),
		"by an answer": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse",
	} {
		t.Run(name, func(t *testing.T) {
			source := serve(t, func(w http.ResponseWriter, r *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				fmt.Fprintf(conn, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(boot))
				send(conn, boot)
				send(conn, []byte(tail))
			})
			for range 2 {
				content, err := fetch(t.Context(), quick, source)
				expectBoot(t, content, err)
			}
		})
	}
	if logged.Len() > 0 {
		t.Errorf("logged %.200q", logged.String())
	}
}

func TestHTTPHugeHeader(t *testing.T) {
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Much", strings.Repeat("x", 2*maxHeader))
	})
	_, err := fetch(t.Context(), quick, source)
	expectError(t, err, "unable to download")
}

func TestHTTPLingeringServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source := serve(t, func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(boot))
		send(conn, boot)
		<-ctx.Done()
	})
	content, err := fetch(t.Context(), quick, source)
	cancel()
	expectBoot(t, content, err)
}

func TestHTTPStall(t *testing.T) {
	for name, body := range map[string][]byte{"before the header": nil, "in the body": boot[:1000]} {
		t.Run(name, func(t *testing.T) {
			source := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if body != nil {
					w.Header().Set("ETag", `"1"`)
					w.Header().Set("Content-Length", fmt.Sprint(len(boot)))
					send(w, body)
					flush(w)
				}
				<-r.Context().Done()
			})
			_, err := fetch(t.Context(), Client{Idle: 20 * time.Millisecond}, source)
			expectError(t, err, "unable to download "+source+": the server sent nothing for 20ms")
		})
	}
}

func TestHTTPCancel(t *testing.T) {
	stopped := errors.New("stopped by the user")
	tests := map[string]http.HandlerFunc{
		"before the header": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			send(w, boot[:1000])
			flush(w)
			<-r.Context().Done()
		},
		"between retries": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "50")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(20*time.Millisecond, func() { cancel(stopped) })
			if _, err := fetch(ctx, quick, serve(t, handler)); !errors.Is(err, stopped) {
				t.Errorf("got %v", err)
			}
		})
	}
}
