package virt

import (
	"context"
	"time"
)

// A Ctrl-C ends the context of whatever the provider does. A call that libvirtd has by then is waited for a moment longer, a
// transfer is cut at once (stream.go), and programs that the provider has started do not hear of it (process_unix.go).

// replyGrace is how long a reply is waited for after the end of a context. libvirt mostly answers
// within milliseconds, and who interrupts an apply waits for it at most five seconds.
const replyGrace = 3 * time.Second

// awaitReply runs f, which knows no context, and stops waiting for it some time after ctx ends. f goes
// on until its reply comes or its connection ends.
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
