package virt

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// readAhead answers for objects of one kind that are looked up one after the other, as a refresh does,
// which never says what it will ask for next. After a few, all of the kind are read at once, so that the
// rest costs no round trip each.
//
// What was read ahead is good for a moment, and until the host is asked to change something. Who looks
// at an object twice, to see what happens to it, sees two different looks.
type readAhead[T any] struct {
	host  *Host
	fixed bool      // nothing happens to these: an answer is good for everybody
	busy  semaphore // held by who uses what is below

	asked int    // times, since all were read or something was changed
	seen  uint64 // changes at that time
	ahead map[string]T
	until time.Time // when ahead is too old
}

const (
	askedBeforeAhead = 8
	aheadLasts       = 30 * time.Second // more than a refresh of a thousand objects takes

	// maxAhead is how many are read at once: somebody's pool may have very many volumes, of which few
	// are asked for.
	maxAhead = 2048

	// readsAtOnce bounds the calls of one look ahead that are under way. libvirtd works at five and leaves
	// the others in the socket (max_client_requests): they are quick, so nothing waits for long behind
	// them, and a host that is far away is asked for as many in the time of one.
	readsAtOnce = 256
)

func newReadAhead[T any](h *Host, fixed bool) *readAhead[T] {
	return &readAhead[T]{host: h, fixed: fixed, busy: make(semaphore, 1)}
}

// look answers with what was read ahead, or else by one, which reads a single object. Of all it takes
// what there is, for one will tell what is wrong with the rest.
func (r *readAhead[T]) look(ctx context.Context, name string, one func() (T, error), all func() map[string]T) (T, error) {
	if value, found := r.known(ctx, name, all); found {
		return value, nil
	}
	return one()
}

func (r *readAhead[T]) known(ctx context.Context, name string, all func() map[string]T) (value T, found bool) {
	if r.host.acquire(ctx, r.busy, "read ahead") != nil {
		return value, false
	}
	defer r.busy.release()
	if now := r.host.changes.Load(); r.seen != now {
		r.ahead, r.asked, r.seen = nil, 0, now
	}
	if time.Now().After(r.until) {
		r.ahead = nil
	}
	r.asked++
	if r.ahead == nil && r.asked >= askedBeforeAhead {
		r.ahead, r.asked, r.until = all(), 0, time.Now().Add(aheadLasts)
	}
	value, found = r.ahead[name]
	if !r.fixed {
		delete(r.ahead, name)
	}
	return value, found
}

// readAll reads many objects side by side and leaves out what cannot be read.
func readAll[K, T any](handles map[string]K, read func(K) (T, error)) map[string]T {
	var mu sync.Mutex
	found := make(map[string]T, len(handles))
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for name, handle := range handles {
		group.Go(func() error {
			value, err := read(handle)
			if err != nil {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			found[name] = value
			return nil
		})
	}
	_ = group.Wait()
	return found
}
