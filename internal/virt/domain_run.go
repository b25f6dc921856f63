package virt

import (
	"context"
	"slices"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// Run is what libvirt's events say about a guest that runs.
type Run struct {
	Agent <-chan struct{} // brings one value when the guest agent is connected
	Ended <-chan Ending   // brings one value
	Leave func()          // releases the events; the guest keeps running
}

// WatchRun watches a guest that was started. It also reports an agent that was connected before the call, and the end
// of a guest that ended before the call.
func (h *Host) WatchRun(ctx context.Context, name string) (*Run, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return nil, err
	}
	watch, lifecycle, stop, err := h.watch(ctx)
	if err != nil {
		return nil, err
	}
	agents, err := subscribe(ctx, h, registerEvent, func() (<-chan any, error) {
		return watch.SubscribeEvents(context.Background(), libvirt.DomainEventIDAgentLifecycle, nil)
	})
	if err != nil {
		stop()
		return nil, err
	}
	agent, ended := make(chan struct{}, 1), make(chan Ending, 1)
	go awaitAgent(agents, agent, domain.UUID)
	go func() {
		ended <- h.awaitEnding(lifecycle, byItself(), domain.UUID, true)
		for range lifecycle { // or go-libvirt's sender would wait forever
		}
	}()
	run := &Run{Agent: agent, Ended: ended, Leave: stop}
	if err := h.lookAtRun(ctx, run, agent, domain); err != nil {
		stop()
		return nil, err
	}
	return run, nil
}

// byItself is what QEMU would report about a guest that ends by itself: if such a guest reboots, it does not end.
func byItself() <-chan End {
	ends := make(chan End, 1)
	ends <- EndPowerOff
	return ends
}

// lookAtRun reports what happened before the events were subscribed to.
func (h *Host) lookAtRun(ctx context.Context, run *Run, agent chan<- struct{}, domain libvirt.Domain) error {
	text, err := h.runningXML(ctx, domain)
	if err != nil {
		return err
	}
	if text == "" {
		run.Ended, err = h.pastEnding(ctx, domain.Name)
		return err
	}
	root, err := parseXML(text)
	if err == nil && slices.ContainsFunc(root.FindElements("devices/channel"), isConnectedAgent) {
		report(agent)
	}
	return err
}

func isConnectedAgent(channel *etree.Element) bool {
	return isGuestAgent(channel) && attr(channel.SelectElement("target"), "state") == "connected"
}

// runningXML returns the definition of a run of a guest, or "" if that run has ended.
func (h *Host) runningXML(ctx context.Context, domain libvirt.Domain) (string, error) {
	return query(ctx, h, "virDomainGetXMLDesc", func(l *libvirt.Libvirt) (string, error) {
		now, err := l.DomainLookupByUUID(domain.UUID)
		if err != nil || now.ID != domain.ID || now.ID < 0 {
			return "", err
		}
		return l.DomainGetXMLDesc(now, 0)
	})
}

func awaitAgent(events <-chan any, connected chan<- struct{}, domain libvirt.UUID) {
	for event := range events { // all of them, or go-libvirt's sender would wait forever
		if e, is := event.(*libvirt.DomainEventCallbackAgentLifecycleMsg); is && e.Dom.UUID == domain &&
			libvirt.ConnectDomainEventAgentLifecycleState(e.State) == libvirt.ConnectDomainEventAgentLifecycleStateConnected {
			report(connected)
		}
	}
}

// report passes on that something happened, once.
func report(happened chan<- struct{}) {
	select {
	case happened <- struct{}{}:
	default:
	}
}
