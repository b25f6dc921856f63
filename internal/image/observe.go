package image

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Event says what became of a download, or what one under way waits for. Of each download from a server
// there is one event when it has ended, and some before where it is slow. An ISO image that is read here
// and there is a download for each section.
//
// No event holds what gives access to the source, nor anything of its content.
type Event struct {
	Kind     EventKind
	Source   string        // a URL without user, password and query
	Attempt  int           // requests until now: 1 at first, more where it was begun again or resumed
	Offset   int64         // from where the last request asked for the file
	Bytes    int64         // so many have come, as the server sent them
	Readers  int           // that share it, or have until now; 1 where none does
	Duration time.Duration // since it began
	Waited   time.Duration // of that, for the server; the rest went by elsewhere
	Pause    time.Duration // of a retry: until the next request
	Err      error         // why it failed, or what is tried again; nil where all came that was asked for
}

// EventKind is what an event is about.
type EventKind int

// Kinds of events.
const (
	EventDownload EventKind = iota // it has ended
	EventRetry                     // it failed, in a way that may pass, and is tried again after a pause
	EventWait                      // the server has sent nothing for 5 s, and again at 10, 20, …
)

// String is the kind as a word.
func (k EventKind) String() string { return [...]string{"download", "retry", "wait"}[k] }

// firstWait is how long a server may send nothing before that is an event.
const firstWait = 5 * time.Second

// errClosed is why a download has no end of its own: what it was for failed, or needed no more of it.
var errClosed = errors.New("it was closed before its end")

// observation is a download of which events are given. It is nil where there is no hook, and then all of
// it costs nothing.
type observation struct {
	hook    func(context.Context, Event)
	ctx     context.Context
	began   time.Time
	readers *atomic.Int32 // of a shared download, else nil

	mu      sync.Mutex // held while the hook is called, so that the end comes last
	event   Event
	ended   bool
	waiting time.Time // since when, zero where it does not
	timer   *time.Timer
	next    time.Duration // of waiting, at which the timer ends again
}

// observe begins an observation, where the client has a hook.
func (c Client) observe(ctx context.Context, u *url.URL) *observation {
	if c.Observe == nil {
		return nil
	}
	return &observation{hook: c.Observe, ctx: ctx, began: time.Now(), event: Event{Source: WithoutAccess(u.String())}}
}

// share counts the readers by a number that goes on to grow.
func (o *observation) share(readers *atomic.Int32) {
	if o != nil {
		o.readers = readers
	}
}

// asks takes note of a request.
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

// stillWaits tells of a wait that takes long.
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

// got ends a wait, with so many bytes.
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

// retries tells of a failure that is tried again.
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

// end tells that the download has ended, once.
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
