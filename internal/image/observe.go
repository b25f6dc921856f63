package image

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Event says how a download ended, or why a download waits. Each download from a server has one event when
// it ends, and earlier events if it is slow. For an ISO image of which parts are read, each section is a
// download.
//
// No event contains credentials of the source, or any of its content.
type Event struct {
	Kind     EventKind
	Source   string        // a URL without user, password and query
	Attempt  int           // number of requests so far: 1 at first, more if the download was restarted or resumed
	Offset   int64         // the first byte that the last request asked for
	Bytes    int64         // number of bytes that have arrived, as the server sent them
	Readers  int           // number of readers that share it, or have shared it; 1 if it is not shared
	Duration time.Duration // since it began
	Waited   time.Duration // the part of Duration that was spent waiting for the server
	Pause    time.Duration // for a retry: until the next request
	Err      error         // why it failed, or why it is retried; nil if everything requested has arrived
}

// EventKind is what an event is about.
type EventKind int

// Kinds of events.
const (
	EventDownload EventKind = iota // the download has ended
	EventRetry                     // it had a temporary failure, and is retried after a pause
	EventWait                      // the server has sent nothing for 5 s; repeated at 10, 20, …
)

// String is the kind as a word.
func (k EventKind) String() string { return [...]string{"download", "retry", "wait"}[k] }

// firstWait is how long a server may send nothing before there is an event.
const firstWait = 5 * time.Second

// errClosed is the error of a download that was closed early: its reader failed, or needed no more of it.
var errClosed = errors.New("it was closed before its end")

// observation is the state from which the events of a download are made. It is nil if there is no hook, and
// then its methods do nothing.
type observation struct {
	hook    func(context.Context, Event)
	ctx     context.Context
	began   time.Time
	readers *atomic.Int32 // of a shared download, else nil

	mu      sync.Mutex // held while the hook is called, so that the end comes last
	event   Event
	ended   bool
	waiting time.Time // since when it waits, zero if it does not wait
	timer   *time.Timer
	next    time.Duration // how long it has waited when the timer fires again
}

// observe begins an observation, if the client has a hook.
func (c Client) observe(ctx context.Context, u *url.URL) *observation {
	if c.Observe == nil {
		return nil
	}
	return &observation{hook: c.Observe, ctx: ctx, began: time.Now(), event: Event{Source: WithoutAccess(u.String())}}
}

// share sets the counter of readers, which may still increase.
func (o *observation) share(readers *atomic.Int32) {
	if o != nil {
		o.readers = readers
	}
}

// asks records a request.
func (o *observation) asks(offset int64) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.event.Attempt++
	o.event.Offset = offset
}

// waits begins a wait for the server.
func (o *observation) waits() {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting, o.next = time.Now(), firstWait
	if o.timer == nil {
		o.timer = time.AfterFunc(firstWait, o.stillWaits)
	} else {
		o.timer.Reset(firstWait)
	}
}

// stillWaits reports a long wait.
func (o *observation) stillWaits() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting.IsZero() || time.Since(o.waiting) < o.next { // the timer was late
		return
	}
	o.tell(EventWait, nil)
	o.timer.Reset(o.next)
	o.next *= 2
}

// got ends a wait, after which this number of bytes has arrived.
func (o *observation) got(bytes int) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer.Stop()
	o.event.Waited += time.Since(o.waiting)
	o.waiting = time.Time{}
	o.event.Bytes += int64(bytes)
}

// retries reports a failure after which the request is repeated.
func (o *observation) retries(failure error, pause time.Duration) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.event.Pause = pause
	o.tell(EventRetry, failure)
	o.event.Pause = 0
}

// end reports the end of the download, once.
func (o *observation) end(err error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended = true
		o.tell(EventDownload, err)
	}
}

// tell calls the hook.
func (o *observation) tell(kind EventKind, err error) {
	event := o.event
	event.Kind, event.Err, event.Readers, event.Duration = kind, err, 1, time.Since(o.began)
	if o.readers != nil {
		event.Readers = int(o.readers.Load())
	}
	if !o.waiting.IsZero() {
		event.Waited += time.Since(o.waiting)
	}
	o.hook(o.ctx, event)
}
