package virt

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Installation is a run of a guest that boots only from the network, whatever its definition says, and ends when the
// guest would boot again. HAZARDS.md, "Installations", says why it is a run of its own.
type Installation struct {
	Console io.ReadCloser // from the firmware's first byte, or from the moment it was joined
	Ended   <-chan Ending // brings one value
	Leave   func()        // releases the console and the events; the guest keeps running
}

// Ending is how a guest's run ended, or that no more events of it come.
type Ending struct {
	How End
	Err error // the loss of the connection; the guest may keep running
}

// End is how a guest's last run ended.
type End int

// Ends of a run.
const (
	EndUnknown   End = iota // libvirt reports no reason, or an unknown one
	EndShutdown             // by itself: it rebooted or powered off, which only events distinguish
	EndReboot               // it rebooted
	EndPowerOff             // it powered off
	EndDestroyed            // another user or program ended it from the host
	EndCrashed              // it crashed: its firmware gave up, its kernel panicked, or QEMU ended
)

// String returns the end in the user's words.
func (e End) String() string {
	return [...]string{"in an unknown way", "by itself", "with a reboot", "with a power-off", "from the host", "with a crash"}[e]
}

// End returns how a run ended, from the reason why the domain is off.
func (r Reason) End() End {
	switch r {
	case ShutDown:
		return EndShutdown
	case ForcedOff:
		return EndDestroyed
	case HasCrashed, HasFailed:
		return EndCrashed
	default:
		return EndUnknown
	}
}

// noConsole is a console that has ended.
var noConsole = io.NopCloser(strings.NewReader(""))

// InstallDomain runs a domain that is off, once. The domain boots only from the network, by those interfaces of d
// that may boot and with d's loadparm, and is off when it reboots, powers off or crashes. libvirt keeps the
// definition separately from that run, so the next start uses the definition, whoever starts the domain. If
// InstallDomain fails, the domain is off.
func (h *Host) InstallDomain(ctx context.Context, d Domain) (*Installation, error) {
	domain, text, err := h.definition(ctx, d.Name)
	if err != nil {
		return nil, err
	}
	text, err = installationXML(text, d)
	if err != nil {
		return nil, err
	}
	ended, stop, err := h.watchRun(ctx, domain, true)
	if err != nil {
		return nil, err
	}
	console, err := h.boot(ctx, d.Name, "virDomainCreateXML", func(l *libvirt.Libvirt) (libvirt.Domain, error) {
		// A saved image of the guest's memory belongs to another disk than the new one.
		if saved, err := l.DomainHasManagedSaveImage(domain, 0); err == nil && saved == 1 {
			if err := l.DomainManagedSaveRemove(domain, 0); err != nil {
				return libvirt.Domain{}, err
			}
		}
		return l.DomainCreateXML(text, libvirt.DomainStartPaused)
	})
	if err != nil {
		stop()
		return nil, err
	}
	return h.newInstallation(ctx, d.Name, console, ended, stop), nil
}

// JoinInstallation joins an installation that another run began. If the installation no longer runs, the result is
// how the guest's last run ended. If the guest runs but not as an installation, another user or program has started
// it.
func (h *Host) JoinInstallation(ctx context.Context, name string) (*Installation, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return nil, err
	}
	ended, stop, err := h.watchRun(ctx, domain, false) // before the lookup, so that no end is missed
	if err != nil {
		return nil, err
	}
	installing, err := h.Installing(ctx, name)
	if err != nil {
		stop()
		return nil, err
	}
	console := noConsole
	if installing {
		console, err = h.joinConsole(ctx, domain)
	} else {
		ended, err = h.pastEnding(ctx, name)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return h.newInstallation(ctx, name, console, ended, stop), nil
}

// joinConsole opens the console of a running guest. It returns no console if the guest has ended in the meantime,
// which an event reports, or if another client has the console.
func (h *Host) joinConsole(ctx context.Context, domain libvirt.Domain) (io.ReadCloser, error) {
	console, err := h.openConsole(ctx, domain, 0)
	switch {
	case isRefused(err):
		return noConsole, nil
	case err != nil:
		return nil, err
	default:
		return console, nil
	}
}

func (h *Host) pastEnding(ctx context.Context, name string) (<-chan Ending, error) {
	d, err := h.Domain(ctx, name)
	past := make(chan Ending, 1)
	past <- Ending{How: d.Reason.End()}
	return past, err
}

func (h *Host) newInstallation(ctx context.Context, name string, console io.ReadCloser, ended <-chan Ending, stop func()) *Installation {
	ended, leave := h.observeEnding(ctx, name, ended)
	return &Installation{Console: console, Ended: ended, Leave: func() {
		leave()
		_ = console.Close()
		stop()
	}}
}

var errLeft = errors.New("the provider no longer waits for it")

// observeEnding passes on how an installation ends, and reports the wait for it as an event.
func (h *Host) observeEnding(ctx context.Context, name string, ended <-chan Ending) (passedOn <-chan Ending, leave func()) {
	wait := h.beginWait(ctx, "end of an installation", name)
	if wait == nil {
		return ended, func() {}
	}
	passed := make(chan Ending, 1)
	go func() {
		ending := <-ended
		wait.end(ending.Err)
		passed <- ending
	}()
	return passed, func() { wait.end(errLeft) }
}

// Installing reports whether a domain runs as InstallDomain starts it.
func (h *Host) Installing(ctx context.Context, name string) (bool, error) {
	return query(ctx, h, "virDomainGetXMLDesc", func(l *libvirt.Libvirt) (bool, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil || domain.ID < 0 {
			return false, err
		}
		text, err := l.DomainGetXMLDesc(domain, 0)
		if err != nil {
			return false, err
		}
		root, err := parseXML(text)
		if err != nil {
			return false, err
		}
		classes, _ := parseBootOrder(root.SelectElement("devices").NotNil())
		return childText(root, "on_reboot") == "destroy" && len(classes) == 1 && classes[0] == BootNetwork, nil
	})
}

// installationXML returns a definition changed for a run that installs d.
func installationXML(text string, d Domain) (string, error) {
	root, err := parseXML(text)
	if err != nil {
		return "", err
	}
	removeAll(child(root, "os"), "boot") // it cannot be combined with a boot order of devices
	devices := child(root, "devices")
	for _, device := range devices.ChildElements() {
		removeAll(device, "boot")
	}
	d.Boot = []string{BootNetwork}
	d.editBootOrder(devices, Domain{})
	for _, action := range []string{"on_poweroff", "on_reboot", "on_crash"} {
		child(root, action).SetText("destroy")
	}
	return formatXML(root)
}

// qemuGrace is how long to wait for QEMU's event about the end of a guest. libvirt sends it before its own event, but
// it takes another way through go-libvirt.
const qemuGrace = time.Second

// watchRun is watchEnd with the way in which the run ended. Events of an earlier run may still come. If the run has
// not started yet, watchRun ignores all events before its start.
func (h *Host) watchRun(ctx context.Context, domain libvirt.Domain, yetToStart bool) (<-chan Ending, func(), error) {
	watch, events, stop, err := h.watch(ctx)
	if err != nil {
		return nil, nil, err
	}
	// libvirt's own events report a reboot that ends the guest as a shutdown. QEMU's events distinguish them. On a
	// host that does not pass on QEMU's events, they cannot be distinguished.
	qemuEvents, err := subscribe(ctx, h, "virConnectDomainQemuMonitorEventRegister", func() (<-chan libvirt.DomainEvent, error) {
		return watch.SubscribeQEMUEvents(context.Background(), domain.Name)
	})
	if err != nil && !isRefused(err) {
		stop()
		return nil, nil, err
	}
	reported := make(chan End, 1)
	go firstShutdown(qemuEvents, reported)
	ended := make(chan Ending, 1)
	go func() {
		ended <- h.awaitEnding(events, reported, domain.UUID, !yetToStart)
		for range events { // or go-libvirt's sender would wait forever
		}
	}()
	return ended, stop, nil
}

func (h *Host) awaitEnding(events <-chan libvirt.DomainEventLifecycleMsg, reported <-chan End, domain libvirt.UUID, started bool) Ending {
	fromHost := false
	for event := range events {
		if event.Dom.UUID != domain {
			continue
		}
		switch kind := libvirt.DomainEventType(event.Event); {
		case kind == libvirt.DomainEventStarted:
			started = true
		case kind == libvirt.DomainEventShutdown && started:
			fromHost = libvirt.DomainEventShutdownDetailType(event.Detail) == libvirt.DomainEventShutdownHost
		case kind == libvirt.DomainEventStopped && started:
			return Ending{How: stoppedBy(event.Detail, fromHost, reported)}
		}
	}
	return Ending{Err: h.lostError(errNoEvents)}
}

// stoppedBy maps virDomainEventStoppedDetailType. The host may have shut down a guest that had crashed before.
func stoppedBy(detail int32, fromHost bool, reported <-chan End) End {
	switch libvirt.DomainEventStoppedDetailType(detail) {
	case libvirt.DomainEventStoppedShutdown:
		if fromHost {
			return EndDestroyed
		}
		select {
		case end := <-reported:
			return end
		case <-time.After(qemuGrace):
			return EndShutdown
		}
	case libvirt.DomainEventStoppedDestroyed:
		return EndDestroyed
	case libvirt.DomainEventStoppedCrashed, libvirt.DomainEventStoppedFailed:
		return EndCrashed
	default:
		return EndUnknown
	}
}

// firstShutdown reads QEMU's events until the first one that says why the guest ends. libvirt then ends QEMU itself,
// which causes another such event. If the guest ended while libvirtd did not run, that event is the only one. For
// this reason, only libvirt's event says whether the host ended the guest. QEMU qapi/run-state.json, SHUTDOWN and
// ShutdownCause.
func firstShutdown(events <-chan libvirt.DomainEvent, reported chan<- End) {
	known := false
	for event := range events {
		if event.Event != "SHUTDOWN" || known {
			continue
		}
		var details struct {
			Guest  bool   `json:"guest"`
			Reason string `json:"reason"`
		}
		if json.Unmarshal(event.Details, &details) != nil {
			continue
		}
		known = true
		switch {
		case !details.Guest:
			reported <- EndShutdown
		case details.Reason == "guest-reset":
			reported <- EndReboot
		case details.Reason == "guest-shutdown":
			reported <- EndPowerOff
		}
	}
}
