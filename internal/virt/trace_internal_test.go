package virt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// events are the events that a hook received.
type events struct {
	mu    sync.Mutex
	given []Event
}

func observed(h *Host) *events {
	e := &events{}
	h.progress = 20 * time.Millisecond
	h.Observe(func(_ context.Context, event Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.given = append(e.given, event)
	})
	return e
}

// of returns the events of an operation, in order.
func (e *events) of(operation string) []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.given), func(event Event) bool { return event.Operation != operation })
}

// await waits for an event of an operation that has not ended.
func (e *events) await(t *testing.T, operation string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if slices.ContainsFunc(e.of(operation), func(event Event) bool { return !event.Ended }) {
			return
		}
	}
	t.Fatalf("no event names %s, which hangs: %+v", operation, e.given)
}

const procGetCapabilities = 7

// TestHungCallIsNamed checks that events name a call that hangs before it has ended, and what waits for it.
func TestHungCallIsNamed(t *testing.T) {
	h, _ := openFake(t, func(procedure uint32) (xdr, fakeAnswer) {
		if procedure == procGetCapabilities {
			return nil, isSilent
		}
		return nil, replies
	})
	e := observed(h)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended sync.WaitGroup
	for range 2 { // one of them waits for the other
		ended.Go(func() { _, _ = h.Capabilities(ctx) })
	}
	e.await(t, "virConnectGetCapabilities")
	e.await(t, "capabilities")
	time.Sleep(100 * time.Millisecond)
	cancel()
	ended.Wait()

	given := e.of("virConnectGetCapabilities")
	last := given[len(given)-1]
	if !last.Ended || !errors.Is(last.Err, context.Canceled) || last.Kind != EventCall || last.Attempt != 1 || last.Host != h.URI() {
		t.Errorf("its end is %+v", last)
	}
	for i, event := range given[:len(given)-1] {
		if event.Ended || event.Err != nil {
			t.Errorf("before its end there is %+v", event)
		}
		if i > 1 && event.Duration-given[i-1].Duration < given[i-1].Duration-given[i-2].Duration {
			t.Errorf("the intervals do not grow: %+v", given)
		}
	}
	if len(given) < 3 {
		t.Errorf("there is no more than %+v", given)
	}
}

// TestHungConnectIsNamed has a host that accepts a connection and never answers.
func TestHungConnectIsNamed(t *testing.T) {
	h := mustOpen(t, "qemu+tcp://host/system")
	h.dialer = muteDialer{}
	e := observed(h)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := h.Info(ctx); ended <- err }()
	e.await(t, connectOpen)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	if given := e.of("read host"); len(given) > 0 {
		t.Errorf("a call that was never made has %+v", given)
	}
}

// TestBusyIsOneWait checks that a pool that is busy for a long time causes one event for all unsuccessful attempts.
func TestBusyIsOneWait(t *testing.T) {
	const procPoolRefresh, busyTimes = 83, 3
	asked := 0
	h, _ := openFake(t, func(procedure uint32) (xdr, fakeAnswer) {
		if procedure == procPoolRefresh {
			if asked++; asked <= busyTimes {
				return refused(libvirt.ErrInternalError, "pool 'images' has asynchronous jobs running."), refuses
			}
		}
		return nil, replies
	})
	e := observed(h)
	h.progress = time.Minute
	if err := h.refreshPool(t.Context(), "images"); err != nil {
		t.Fatal(err)
	}
	calls, waits := e.of("virStoragePoolRefresh"), e.of("busy pool or volume")
	if len(calls) != 2 || calls[0].Err == nil || calls[1].Err != nil || calls[1].Attempt != busyTimes+1 {
		t.Errorf("the calls are %+v", calls)
	}
	if len(waits) != 1 || waits[0].Kind != EventWait || waits[0].Object != "virStoragePoolRefresh" || waits[0].Duration < busyTimes*busyPause {
		t.Errorf("the waits are %+v", waits)
	}
}

// refusingDialer fails with an error that should not have its content.
type refusingDialer struct{}

func (refusingDialer) dial(context.Context) (net.Conn, error) {
	return nil, errors.New("no way to user:s3/cret@host, which is s3%2Fcret\nnext line")
}

// TestEventsHaveNoSecret checks that no event contains a password or XML, whatever an error contains.
func TestEventsHaveNoSecret(t *testing.T) {
	h := mustOpen(t, "qemu+tcp://user:s3%2Fcret@host/system")
	h.dialer = refusingDialer{}
	e := observed(h)
	if _, err := h.Info(t.Context()); err == nil {
		t.Fatal("there is a host")
	}
	h.beginCall(t.Context(), "xml", 1).end(fmt.Errorf("XML error: <cmdline>token=%s\x1b[31m</cmdline>", strings.Repeat("x", 4000)))
	h.beginCall(t.Context(), "long", 1).end(errors.New(strings.Repeat("ä", 4000)))
	h.beginCall(t.Context(), "absent", 1).end(fmt.Errorf("domain 'a': %w", ErrNotFound))
	if len(e.given) != 4 {
		t.Fatalf("the events are %+v", e.given)
	}
	for _, event := range e.given {
		text := fmt.Sprintf("%+v %v", event, event.Err)
		for _, secret := range []string{"s3/cret", "s3%2Fcret", "token", "cmdline", "next line", "\x1b"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q is in %s", secret, text)
			}
		}
		if len(event.Err.Error()) > maxEventText+len("…") || errors.Unwrap(event.Err) != nil {
			t.Errorf("the error is %v", event.Err)
		}
	}
	if err := e.of("absent")[0].Err; !errors.Is(err, ErrNotFound) || errors.Is(err, ErrExists) {
		t.Errorf("%v is not what it was", err)
	}
}

// TestNoHookCostsNothing checks that events use neither a timer nor memory without a hook.
func TestNoHookCostsNothing(t *testing.T) {
	h := mustOpen(t, "qemu:///system")
	ctx := t.Context()
	if allocations := testing.AllocsPerRun(100, func() {
		call := h.beginCall(ctx, "virDomainDefineXMLFlags", 1)
		call.end(errStillRunning)
		h.beginWait(ctx, "guest's shutdown", "guest").end(nil)
		transfer := h.beginTransfer(ctx, "upload", "pool", "volume")
		transfer.transferred(1)
		transfer.end(nil)
		if h.acquire(ctx, h.slots, "room for a call") == nil {
			h.slots.release()
		}
	}); allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func BenchmarkEvent(b *testing.B) {
	for what, hook := range map[string]func(context.Context, Event){"without a hook": nil, "with a hook": func(context.Context, Event) {}} {
		b.Run(what, func(b *testing.B) {
			h, err := Open("qemu:///system")
			if err != nil {
				b.Fatal(err)
			}
			h.Observe(hook)
			b.ReportAllocs()
			for b.Loop() {
				h.beginCall(b.Context(), "virDomainDefineXMLFlags", 1).end(nil)
			}
		})
	}
}
