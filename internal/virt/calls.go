package virt

import (
	"context"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"
)

// Each request to a host goes through one of three functions, whose name says what it may do. change and
// changeReturning may change something on the host, so they do not repeat a request whose answer was lost. query
// changes nothing, and is repeated. All of them repeat a request if libvirt was busy, because libvirt then did
// nothing.

// maxCalls limits the calls in flight on the control connection. libvirtd accepts five per client
// (max_client_requests) and then stops reading the connection, keepalives included.
const maxCalls = 4

// change makes calls that may change something on the host. Events name them by operation: Event.Operation.
func change(ctx context.Context, h *Host, operation string, f func(*libvirt.Libvirt) error) error {
	_, err := changeReturning(ctx, h, operation, func(l *libvirt.Libvirt) (struct{}, error) { return struct{}{}, f(l) })
	return err
}

// changeReturning is change for calls that also return something.
func changeReturning[T any](ctx context.Context, h *Host, operation string, f func(*libvirt.Libvirt) (T, error)) (T, error) {
	defer h.changing()()
	r := request[T]{operation: operation, run: f}
	return r.call(ctx, h)
}

// changing invalidates what was read ahead, both while something changes and until the change ends.
func (h *Host) changing() (done func()) {
	h.changes.Add(1)
	return func() { h.changes.Add(1) }
}

// query makes calls that change nothing on the host. It repeats them if the connection is lost, for example when
// libvirtd restarts. A caller of change must first look at what became of the change.
func query[T any](ctx context.Context, h *Host, operation string, f func(*libvirt.Libvirt) (T, error)) (T, error) {
	const attempts = 3
	r := request[T]{operation: operation, run: f}
	for attempt := 1; ; attempt++ {
		result, err := r.call(ctx, h)
		if attempt == attempts || !wasLost(err) {
			return result, err
		}
	}
}

// request is a request to a host, which may be made more than once.
type request[T any] struct {
	operation string
	run       func(*libvirt.Libvirt) (T, error)
	attempt   int
}

// call makes a call. It repeats the call only if libvirt reported that it did nothing because it was busy.
func (r *request[T]) call(ctx context.Context, h *Host) (T, error) {
	return retryWhileBusy(ctx, h, r.operation, func(again bool) (T, error) { return r.callOnce(ctx, h, again) })
}

// callOnce makes one call on the control connection and waits for its reply. When ctx ends, a request that was
// already sent gets a moment to be answered, because the answer says what is on the host.
func (r *request[T]) callOnce(ctx context.Context, h *Host, again bool) (T, error) {
	var none T
	if ctx.Err() != nil {
		return none, context.Cause(ctx)
	}
	if err := h.acquire(ctx, h.slots, "room for a call"); err != nil {
		return none, err
	}
	control, err := h.connected(ctx)
	if err != nil {
		h.slots.release()
		return none, err
	}
	r.attempt++
	call := h.beginCall(ctx, r.operation, r.attempt)
	result, err := awaitReply(ctx, func() (T, error) {
		defer h.slots.release()
		result, err := r.run(control.Libvirt)
		if isLost(err) {
			h.dropConnection(control)
			err = control.explainLoss(err)
		}
		return result, err
	})
	err = h.callError(err)
	call.endUnlessBusy(err, again)
	return result, err
}

// concurrently makes calls at the same time. On a distant host they take as long as one call. It waits for all of
// them and returns the first error.
func concurrently(calls ...func() error) error {
	var group errgroup.Group
	for _, call := range calls {
		group.Go(call)
	}
	return group.Wait()
}
