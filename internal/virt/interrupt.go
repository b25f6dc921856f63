package virt

import (
	"context"
	"time"
)

// A Ctrl-C ends the context of everything the provider does. The provider waits a moment longer for a call that
// libvirtd has already received. It cuts a transfer at once (stream.go). Programs that the provider has started do
// not receive the Ctrl-C (process_unix.go).

// replyGrace is how long to wait for a reply after a context ends. libvirt usually answers within milliseconds, and a
// user who interrupts an apply waits at most five seconds for it.
const replyGrace = 3 * time.Second

// awaitReply runs f, which has no context, and stops waiting for it some time after ctx ends. f continues until its
// reply comes or its connection ends.
func awaitReply[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := f()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
	}
	select {
	case o := <-done:
		return o.value, o.err
	case <-time.After(replyGrace):
		var none T
		return none, context.Cause(ctx)
	}
}
