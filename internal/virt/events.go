package virt

import (
	"context"
	"errors"

	"github.com/digitalocean/go-libvirt"
)

// watch subscribes to events of domains, on a connection of its own. go-libvirt can deadlock when a subscription is
// cancelled, but closing the connection reliably ends it. stop closes the connection and must be called.
func (h *Host) watch(ctx context.Context) (watch *connection, events <-chan libvirt.DomainEventLifecycleMsg, stop func(), err error) {
	watch, err = h.connect(ctx, 1)
	if err != nil {
		return nil, nil, nil, err
	}
	stop = func() { _ = watch.conn.Close() }
	events, err = subscribe(ctx, h, registerEvent, func() (<-chan libvirt.DomainEventLifecycleMsg, error) {
		return watch.LifecycleEvents(context.Background())
	})
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return watch, events, stop, nil
}

const registerEvent = "virConnectDomainEventRegisterAny"

// subscribe makes a call on a connection that is used only for events.
func subscribe[T any](ctx context.Context, h *Host, operation string, f func() (T, error)) (T, error) {
	call := h.beginCall(ctx, operation, 1)
	events, err := awaitReply(ctx, f)
	err = h.callError(err)
	call.end(err)
	return events, err
}

// watchEnd returns a channel that brings one value: nil when a running domain ends, or an error if the connection for
// the events is lost. stop must be called.
func (h *Host) watchEnd(ctx context.Context, domain libvirt.Domain) (ended <-chan error, stop func(), err error) {
	_, events, stop, err := h.watch(ctx)
	if err != nil {
		return nil, nil, err
	}
	end := make(chan error, 1)
	go func() {
		end <- h.awaitStop(events, domain.UUID)
		for range events { // or go-libvirt's sender would wait forever
		}
	}()
	return end, stop, nil
}

// awaitStop returns when the domain has stopped, or with an error if no more events come.
func (h *Host) awaitStop(events <-chan libvirt.DomainEventLifecycleMsg, domain libvirt.UUID) error {
	for event := range events {
		if event.Dom.UUID == domain && libvirt.DomainEventType(event.Event) == libvirt.DomainEventStopped {
			return nil
		}
	}
	return h.lostError(errNoEvents)
}

// removal is the result of a request to remove a device from a running guest.
type removal struct {
	alias   string // libvirt's name for the device
	refused bool   // the guest keeps it
	err     error  // no more events come for it
}

// watchRemovals returns a channel that brings the results of requests to remove a guest's devices. stop must be
// called.
func (h *Host) watchRemovals(ctx context.Context, domain libvirt.UUID) (removals <-chan removal, stop func(), err error) {
	watch, lifecycle, end, err := h.watch(ctx)
	if err != nil {
		return nil, nil, err
	}
	subscribeTo := func(event libvirt.DomainEventID) (<-chan any, error) {
		return subscribe(ctx, h, registerEvent, func() (<-chan any, error) { return watch.SubscribeEvents(context.Background(), event, nil) })
	}
	removed, err := subscribeTo(libvirt.DomainEventIDDeviceRemoved)
	var kept <-chan any
	if err == nil {
		kept, err = subscribeTo(libvirt.DomainEventIDDeviceRemovalFailed)
	}
	if err != nil {
		end()
		return nil, nil, err
	}
	found, stopped := make(chan removal), make(chan struct{})
	lost := removal{err: h.lostError(errNoEvents)}
	go relay(lifecycle, found, stopped, lost, func(e libvirt.DomainEventLifecycleMsg) (removal, bool) {
		return removal{err: errEnded}, e.Dom.UUID == domain && libvirt.DomainEventType(e.Event) == libvirt.DomainEventStopped
	})
	go relay(removed, found, stopped, lost, func(e any) (removal, bool) {
		if event, is := e.(*libvirt.DomainEventCallbackDeviceRemovedMsg); is {
			return removal{alias: event.Msg.DevAlias}, event.Msg.Dom.UUID == domain
		}
		return removal{}, false
	})
	go relay(kept, found, stopped, lost, func(e any) (removal, bool) {
		if event, is := e.(*libvirt.DomainEventCallbackDeviceRemovalFailedMsg); is {
			return removal{alias: event.DevAlias, refused: true}, event.Dom.UUID == domain
		}
		return removal{}, false
	})
	return found, func() { close(stopped); end() }, nil
}

var (
	errNoEvents = errors.New("no more events")
	errEnded    = errors.New("the guest has ended")
)

// relay passes on what read makes of events, and passes on lost when they end. It reads all of them, because
// go-libvirt's sender would otherwise wait forever.
func relay[T any](events <-chan T, to chan<- removal, stopped <-chan struct{}, lost removal, read func(T) (removal, bool)) {
	pass := func(r removal) {
		select {
		case to <- r:
		case <-stopped:
		}
	}
	for event := range events {
		if r, is := read(event); is {
			pass(r)
		}
	}
	pass(lost)
}
