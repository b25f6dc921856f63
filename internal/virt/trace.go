package virt

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// Event reports a request to a host, a wait, or a transfer. Each has one event when it ends. If it takes long, it
// also has events before: after 5 s, and then at intervals that double up to one minute. A log of events therefore
// names what hangs.
//
// No event contains a secret, XML, or a guest's output.
type Event struct {
	Kind EventKind

	// Operation is libvirt's name of a call, such as virDomainDefineXMLFlags, or a few words for several calls that
	// answer one question, such as "read domain". For a wait, it is what is waited for. For a transfer, it is the
	// direction.
	Operation string

	Object   string        // the pool/volume of a transfer, or the guest or the refused call that is waited for; "" for others
	Host     string        // the libvirt URI, without a password
	Attempt  int           // of a call: 1 at first, more if it is repeated
	Bytes    int64         // of a transfer: bytes until now, including holes
	Duration time.Duration // since the beginning
	Ended    bool          // false if it still runs
	Err      error         // the reason of a failure, in one line; errors.Is finds this package's errors in it
}

// EventKind is the kind of an event.
type EventKind int

// Kinds of events.
const (
	EventCall     EventKind = iota // on the control connection, or to connect, to subscribe, to open a stream
	EventWait                      // for the host, a guest, or another goroutine of this process
	EventTransfer                  // an upload or a download
)

// String returns the kind as a word.
func (k EventKind) String() string { return [...]string{"call", "wait", "transfer"}[k] }

// Observe sets a hook that receives each event of the host, with the context that it belongs to, which may have
// ended. Many goroutines call the hook at the same time. The hook delays the operation that the event is about, and
// must not use the host. Call Observe before the host is used. Without a hook, events cost nothing.
func (h *Host) Observe(hook func(context.Context, Event)) { h.observer = hook }

// Names that several places use for their events.
const (
	connectOpen      = "virConnectOpen"
	waitBridgeNaming = "naming of a bridge"
	waitTransfer     = "room for a transfer"
)

// When an operation that has not ended has an event.
const (
	firstProgress = 5 * time.Second
	lastProgress  = time.Minute
)

// operation is a call, a wait or a transfer in progress, with events. It is nil without a hook.
type operation struct {
	host  *Host
	ctx   context.Context
	began time.Time
	bytes atomic.Int64

	mu    sync.Mutex // held while the hook is called, so that the event of the end comes last
	event Event
	brief bool // no event at the end, unless there was one before
	given bool // there was an event
	ended bool
	timer *time.Timer
	pause time.Duration
}

func (h *Host) beginCall(ctx context.Context, name string, attempt int) *operation {
	return h.begin(ctx, Event{Kind: EventCall, Operation: name, Attempt: attempt}, false)
}

func (h *Host) beginWait(ctx context.Context, what, object string) *operation {
	return h.begin(ctx, Event{Kind: EventWait, Operation: what, Object: object}, false)
}

func (h *Host) beginTransfer(ctx context.Context, direction, pool, volume string) *operation {
	if h.observer == nil {
		return nil
	}
	return h.begin(ctx, Event{Kind: EventTransfer, Operation: direction, Object: pool + "/" + volume}, false)
}

// acquire waits for a semaphore. It has events if that takes long.
func (h *Host) acquire(ctx context.Context, s semaphore, what string) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	wait := h.begin(ctx, Event{Kind: EventWait, Operation: what}, true)
	err := s.acquire(ctx)
	wait.end(err)
	return err
}

func (h *Host) begin(ctx context.Context, event Event, brief bool) *operation {
	if h.observer == nil {
		return nil
	}
	event.Host = h.URI()
	o := &operation{host: h, ctx: ctx, began: time.Now(), event: event, brief: brief, pause: h.progress}
	o.mu.Lock() // so that the timer exists when it fires
	defer o.mu.Unlock()
	o.timer = time.AfterFunc(o.pause, o.takesLong)
	return o
}

func (o *operation) takesLong() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.give(nil)
	o.pause = min(2*o.pause, lastProgress)
	o.timer.Reset(o.pause)
}

// end reports how the operation ended. If there are several ends, for example when a wait is abandoned, the first one
// counts.
func (o *operation) end(err error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended {
		return
	}
	o.timer.Stop()
	o.ended = true
	if !o.brief || o.given {
		o.give(err)
	}
}

// endBriefly is end without an event, unless there was an event before.
func (o *operation) endBriefly(err error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.brief = true
	o.mu.Unlock()
	o.end(err)
}

// transferred reports the progress of a transfer.
func (o *operation) transferred(bytes uint64) {
	if o != nil {
		o.bytes.Store(int64(bytes))
	}
}

func (o *operation) give(err error) {
	event := o.event
	event.Duration, event.Ended, event.Bytes = time.Since(o.began), o.ended, o.bytes.Load()
	if err != nil {
		event.Err = &eventError{o.host.eventText(err.Error()), err}
	}
	o.given = true
	o.host.observer(o.ctx, event)
}

// eventError is an error that may be written to a log. It has no Unwrap, because Unwrap would give access to the
// whole text.
type eventError struct {
	text  string
	cause error
}

func (e *eventError) Error() string        { return e.text }
func (e *eventError) Is(target error) bool { return errors.Is(e.cause, target) }

const maxEventText = 500 // bytes

// eventText returns the first line of an error's text, without the XML that libvirt quotes. No error contains the
// URI's password; eventText makes sure of it.
func (h *Host) eventText(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if before, _, quotes := strings.Cut(text, "<"); quotes {
		text = before + "…"
	}
	if password, _ := h.uri.User.Password(); password != "" {
		_, written, _ := strings.Cut(h.uri.User.String(), ":")
		text = strings.NewReplacer(password, "xxxxx", written, "xxxxx").Replace(text)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, text)
	if len(text) > maxEventText {
		text = strings.ToValidUTF8(text[:maxEventText], "") + "…"
	}
	return text
}
