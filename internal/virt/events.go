package virt

import (
	"context"
	"errors"

	"github.com/digitalocean/go-libvirt"
)

// watch subscribes to what happens to domains, on a connection of its own: go-libvirt can deadlock
// where a subscription is cancelled; closing the connection ends it for certain. stop does that, and
// must be called.
func (h *Host) watch(ctx context.Context) (watch *connection, events <-chan libvirt.DomainEventLifecycleMsg, stop func(), err error) {
	watch, err = h.connect(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	stop = func() { _ = watch.conn.Close() }
	events, err = await(ctx, func() (<-chan libvirt.DomainEventLifecycleMsg, error) {
		return watch.LifecycleEvents(context.Background())
	})
	if err != nil {
		stop()
		return nil, nil, nil, h.callError(err)
	}
	return watch, events, stop, nil
}

// watchEnd gives a channel that brings one value: nil when a running domain ends, or an error when
// the connection that brings the events is lost. stop must be called.
func (h *Host) watchEnd(ctx context.Context, domain libvirt.Domain) (ended <-chan error, stop func(), err error) {
	_, events, stop, err := h.watch(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := make(chan error, 1)
	go func() {
		end <- h.awaitStop(events, domain.UUID)
		for range events { // or go-libvirt's sender would wait for ever
		}
	}()
	return end, stop, nil
}

// awaitStop returns when the domain stopped, or with an error when no more events come.
func (h *Host) awaitStop(events <-chan libvirt.DomainEventLifecycleMsg, domain libvirt.UUID) error {
	for event := range events {
		if event.Dom.UUID == domain && libvirt.DomainEventType(event.Event) == libvirt.DomainEventStopped {
			return nil
		}
	}
	return h.lost(errors.New("no more events"))
}
