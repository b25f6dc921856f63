package virt

import "context"

// semaphore is room for so many at once. It is the lock for whatever is held while a host is asked: whoever waits
// for it leaves when its context ends, which a sync.Mutex does not let it do.
type semaphore chan struct{}

func (s semaphore) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s semaphore) release() { <-s }

// cache keeps what a host is asked for once, because it does not change while a plan is made. Who comes while
// somebody else asks waits for that answer, for as long as its own context lasts.
type cache[T any] struct {
	what   string // is asked for
	asking semaphore
	known  *T
}

func newCache[T any](what string) *cache[T] { return &cache[T]{what: what, asking: make(semaphore, 1)} }

// get gives what is known, or else what ask brings. An error is not kept, so that the next one asks again.
func (c *cache[T]) get(ctx context.Context, h *Host, ask func() (T, error)) (T, error) {
	var none T
	if err := h.acquire(ctx, c.asking, c.what); err != nil {
		return none, err
	}
	defer c.asking.release()
	if c.known != nil {
		return *c.known, nil
	}
	value, err := ask()
	if err != nil {
		return none, err
	}
	c.known = &value
	return value, nil
}
