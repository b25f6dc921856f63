package virt

import "context"

// semaphore allows a limited number of holders. It serves as the lock for what is held while a host is asked: a
// waiter stops waiting when its context ends, which is not possible with a sync.Mutex.
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

// cache keeps an answer of the host that does not change while a plan is made. A caller that comes while another asks
// waits for that answer, as long as the caller's own context lasts.
type cache[T any] struct {
	what   string // what the host is asked for
	asking semaphore
	known  *T
}

func newCache[T any](what string) *cache[T] { return &cache[T]{what: what, asking: make(semaphore, 1)} }

// get returns the known value, or otherwise the result of ask. It does not keep an error, so the next caller asks
// again.
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
