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

// events are those that a hook was given.
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

// of are the events of an operation, in their order.
func (e *events) of(operation string) []Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.given), func(event Event) bool { return event.Operation != operation })
}

// await waits for an operation's event of what has not ended.
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

// TestHungCallIsNamed holds that an event names what hangs, before it has ended, and what waits for it.
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
	for range 2 { // of which one waits for the other
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

// TestHungConnectIsNamed has a host that takes a connection and never answers.
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

// TestBusyIsOneWait holds that a pool which is busy for long gives one event for all that is asked in vain.
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

// refusingDialer fails with an error that it should not have.
type refusingDialer struct{}

func (refusingDialer) dial(context.Context) (net.Conn, error) {
	return nil, errors.New("no way to user:s3/cret@host, which is s3%2Fcret\nnext line")
}

// TestEventsHaveNoSecret holds that no password and no XML is in an event, whatever is in an error.
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

// TestNoHookCostsNothing holds that there is neither a timer nor any memory for events without a hook.
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
