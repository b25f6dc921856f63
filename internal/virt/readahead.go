package virt

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// readAhead answers for objects of one kind that are looked up one after the other. A refresh does so, and does not
// announce what it will ask for next. After a few lookups, all objects of the kind are read at once, so that the
// other lookups cost no round trip.
//
// What was read ahead is valid for a short time, and only until the host is asked to change something. A caller that
// looks at an object twice with time between, to see what happens to it, gets two different reads.
type readAhead[T any] struct {
	host  *Host
	fixed bool      // the objects do not change: an answer is valid for everyone
	busy  semaphore // held while the fields below are used

	asked int    // lookups since all objects were read or something was changed
	seen  uint64 // value of Host.changes at that time
	ahead map[string]T
	until time.Time // when ahead becomes too old
}

const (
	askedBeforeAhead = 8
	aheadLasts       = 30 * time.Second // more than a refresh of a thousand objects takes

	// maxAhead limits how many are read at once. A pool may have very many volumes, of which only a few are asked
	// for.
	maxAhead = 2048

	// readsAtOnce limits the concurrent calls of one read ahead. libvirtd works on five and leaves the others in the
	// socket (max_client_requests). The calls are quick, so no other call waits long after them, and on a distant
	// host many calls take as long as one.
	readsAtOnce = 256
)

func newReadAhead[T any](h *Host, fixed bool) *readAhead[T] {
	return &readAhead[T]{host: h, fixed: fixed, busy: make(semaphore, 1)}
}

// look answers from what was read ahead, or otherwise calls one, which reads a single object. It takes what all
// returns even if objects are missing, because one reports what is wrong with the others.
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

// readAll reads many objects at the same time and leaves out those that cannot be read.
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
