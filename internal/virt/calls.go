package virt

import (
	"context"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"
)

// Whatever is asked of a host goes through one of three functions, whose name says what it may do: change and
// changeReturning may change something there, so they are never repeated where the answer was lost; query changes
// nothing, and is repeated. All of them are repeated where libvirt was busy, for it then has done nothing.

// maxCalls bounds the calls in flight on the control connection. libvirtd takes five a client
// (max_client_requests) and then stops reading the connection, keepalives included.
const maxCalls = 4

// change makes calls that may change something on the host. The operation names them in events: Event.Operation.
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

// changing makes what was read ahead worthless while something changes, and until it has.
func (h *Host) changing() (done func()) {
	h.changes.Add(1)
	return func() { h.changes.Add(1) }
}

// query makes calls that change nothing on the host. They are made again where the connection is lost, as
// when libvirtd is restarted; whoever changes something has to look first what became of it.
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

// request is what a host is asked, once or again.
type request[T any] struct {
	operation string
	run       func(*libvirt.Libvirt) (T, error)
	attempt   int
}

// call makes a call, again only where libvirt has said that it did nothing because it was busy.
func (r *request[T]) call(ctx context.Context, h *Host) (T, error) {
	return retryWhileBusy(ctx, h, r.operation, func(again bool) (T, error) { return r.callOnce(ctx, h, again) })
}

// callOnce makes one call on the control connection and waits for its reply. When ctx ends, what was
// asked already is given a moment to be answered, for the answer says what is on the host.
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

// concurrently makes calls side by side, which take the time of one where the host is far away. All of them
// are waited for; the error is the first one.
func concurrently(calls ...func() error) error {
	var group errgroup.Group
	for _, call := range calls {
		group.Go(call)
	}
	return group.Wait()
}
