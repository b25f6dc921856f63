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

// retryWhileBusy repeats what libvirt refuses while somebody else, here or on another machine, builds, clones
// or refreshes. Such a refusal comes before anything is done.
//
// A guest that somebody else works on needs none of this: libvirt itself waits 30 s for its lock
// (src/qemu/qemu_domainjob.c, QEMU_JOB_WAIT_TIME) before it says who has it.
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

// endUnlessBusy ends a call. Of one that is made again and again while libvirt is busy, the wait tells enough.
func (o *operation) endUnlessBusy(err error, again bool) {
	if again && isBusy(err) {
		o.endBriefly(err)
	} else {
		o.end(err)
	}
}

// busyTexts are libvirt's, by code, for these codes mean much else: src/storage/storage_driver.c.
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
