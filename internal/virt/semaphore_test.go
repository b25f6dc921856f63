package virt

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestWaitsObeyTheirContext has a caller that hangs, and a second caller that waits for the first. When the second
// caller's context ends, it returns at once.
func TestWaitsObeyTheirContext(t *testing.T) {
	for what, ask := range map[string]func(ctx context.Context, h *Host) error{
		"capabilities": func(ctx context.Context, h *Host) error { _, err := h.Capabilities(ctx); return err },
		"firmware":     func(ctx context.Context, h *Host) error { _, err := h.Firmware(ctx); return err },
		"connection":   func(ctx context.Context, h *Host) error { _, err := h.Pool(ctx, "none"); return err },
		"bridge": func(ctx context.Context, h *Host) error {
			_, err := h.defineNetwork(ctx, Network{Name: "n"}.newXML())
			return err
		},
	} {
		h := mustOpen(t, "qemu+tcp://host/system")
		h.dialer = muteDialer{}
		first, endFirst := context.WithCancel(t.Context())
		hanging := make(chan error, 1)
		go func() { hanging <- ask(first, h) }()
		time.Sleep(20 * time.Millisecond) // it hangs by then

		second, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		began := time.Now()
		if err := ask(second, h); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > time.Second {
			t.Errorf("%s: the second one ended with %v after %v", what, err, time.Since(began))
		}
		cancel()
		endFirst()
		if err := <-hanging; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the first one ended with %v", what, err)
		}
	}
}

// TestCloseWaitsForNothing closes a host while another goroutine tries to connect to it without success.
func TestCloseWaitsForNothing(t *testing.T) {
	h := mustOpen(t, "qemu+tcp://host/system")
	h.dialer = muteDialer{}
	connecting := make(chan error, 1)
	go func() { _, err := h.Pool(t.Context(), "none"); connecting <- err }()
	time.Sleep(20 * time.Millisecond)
	began := time.Now()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := <-connecting; !errors.Is(err, errClosed) || time.Since(began) > time.Second {
		t.Errorf("who connected was left with %v after %v", err, time.Since(began))
	}
}

func TestCache(t *testing.T) {
	h, c := mustOpen(t, "qemu:///system"), newCache[int]("number")
	asked := 0
	get := func(err error) (int, error) {
		return c.get(t.Context(), h, func() (int, error) { asked++; return asked, err })
	}
	lost := errors.New("lost")
	if _, err := get(lost); !errors.Is(err, lost) {
		t.Errorf("an error became %v", err)
	}
	for range 2 {
		if value, err := get(nil); value != 2 || err != nil {
			t.Errorf("get returned %d, %v, want what came after the error", value, err)
		}
	}
}
