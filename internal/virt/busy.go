package virt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
)

const (
	busyTimeout = 30 * time.Second
	busyPause   = 100 * time.Millisecond
)

// retryWhileBusy repeats a call that libvirt refuses while another client, on this machine or another one, builds,
// clones or refreshes. libvirt refuses before it does anything.
//
// A call on a guest that another client works on does not need this: libvirt itself waits 30 s for the guest's lock
// (src/qemu/qemu_domainjob.c, QEMU_JOB_WAIT_TIME) before it reports who holds the lock.
func retryWhileBusy[T any](ctx context.Context, h *Host, operation string, f func(again bool) (T, error)) (T, error) {
	limited, cancel := context.WithTimeout(ctx, busyTimeout)
	defer cancel()
	result, err := f(false)
	if !isBusy(err) {
		return result, err
	}
	wait := h.beginWait(ctx, "busy pool or volume", operation)
	for isBusy(err) {
		select {
		case <-time.After(busyPause):
			result, err = f(true)
		case <-limited.Done():
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else {
				err = fmt.Errorf("still busy after %v: %w", busyTimeout, err)
			}
			wait.end(err)
			return result, err
		}
	}
	wait.end(nil)
	return result, err
}

// endUnlessBusy ends a call. A call that is repeated while libvirt is busy has no event, because the event of the
// wait says enough.
func (o *operation) endUnlessBusy(err error, again bool) {
	if again && isBusy(err) {
		o.endBriefly(err)
	} else {
		o.end(err)
	}
}

// busyTexts are libvirt's messages by error code, because the same codes have many other meanings:
// src/storage/storage_driver.c.
var busyTexts = map[libvirt.ErrorNumber][]string{
	libvirt.ErrInternalError:    {"asynchronous jobs running"},                                     // of a pool
	libvirt.ErrOperationInvalid: {"is still being allocated", "is still in use", "is starting up"}, // of volumes, and of a pool
}

func isBusy(err error) bool {
	for code, texts := range busyTexts {
		for _, text := range texts {
			if refusedWith(err, code) && strings.Contains(err.Error(), text) {
				return true
			}
		}
	}
	return false
}
