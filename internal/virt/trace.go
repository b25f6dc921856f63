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

// Event says what a host is asked, what is waited for and what is sent or received. Of each there is one event when
// it has ended, and some before where it takes long: after 5 s, and then at intervals that double up to a minute. So
// a log of events names what hangs.
//
// No event holds a secret, XML, or what a guest writes.
type Event struct {
	Kind EventKind

	// Operation is libvirt's name of a call, such as virDomainDefineXMLFlags, or a few words for several calls that
	// answer one question, such as "read domain"; of a wait, what is waited for; of a transfer, its direction.
	Operation string

	Object   string        // a transfer's pool/volume, the guest or the refused call that is waited for; "" for others
	Host     string        // the libvirt URI, without a password
	Attempt  int           // of a call: 1 at first, more where it is made again
	Bytes    int64         // of a transfer: so many until now, with those of holes
	Duration time.Duration // since it began
	Ended    bool          // or it still takes
	Err      error         // why it failed, in one line; errors.Is finds this package's errors in it
}

// EventKind is what an event is about.
type EventKind int

// Kinds of events.
const (
	EventCall     EventKind = iota // on the control connection, or to connect, to subscribe, to open a stream
	EventWait                      // for the host, a guest, or another goroutine of this process
	EventTransfer                  // an upload or a download
)

// String is the kind as a word.
func (k EventKind) String() string { return [...]string{"call", "wait", "transfer"}[k] }

// Observe has a hook given each event of the host, with the context of whom it belongs to, which may have ended.
// The hook is called by many goroutines at once, holds up what the event is about, and must not use the host. Observe
// is called before the host is used; without a hook, events cost nothing.
func (h *Host) Observe(hook func(context.Context, Event)) { h.observer = hook }

// Names that several places give to their events.
const (
	connectOpen      = "virConnectOpen"
	waitBridgeNaming = "naming of a bridge"
	waitTransfer     = "room for a transfer"
)

// When an event is given of what has not ended.
const (
	firstProgress = 5 * time.Second
	lastProgress  = time.Minute
)

// operation is a call, a wait or a transfer under way, of which events are given. It is nil without a hook.
type operation struct {
	host  *Host
	ctx   context.Context
	began time.Time
	bytes atomic.Int64

	mu    sync.Mutex // held while the hook is called, so that the end comes last
	event Event
	brief bool // not worth an event, unless one was given before the end
	given bool // an event was
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

// acquire waits for a semaphore, with events where that takes long.
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
	o.mu.Lock() // so that the timer is there when it fires
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

// end says how the operation has ended. Of several ends, as when a wait is left, the first one counts.
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

// endBriefly is end without an event, unless there has been one.
func (o *operation) endBriefly(err error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	o.brief = true
	o.mu.Unlock()
	o.end(err)
}

// transferred says how far a transfer is.
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

// eventError is an error as a log may have it. It has no Unwrap, by which the whole text could be had.
type eventError struct {
	text  string
	cause error
}

func (e *eventError) Error() string        { return e.text }
func (e *eventError) Is(target error) bool { return errors.Is(e.cause, target) }

const maxEventText = 500 // bytes

// eventText is the first line of an error's text, without what libvirt quotes of XML. No error has the URI's
// password; this makes sure of it.
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
