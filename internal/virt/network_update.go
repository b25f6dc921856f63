package virt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// restartTimeout limits a restart with everything that belongs to it. The end of a context does not shorten it,
// because guests have no network during a restart. A restart takes a second or two.
const restartTimeout = time.Minute

// UpdateNetwork changes the network to n and leaves alone what n does not model. It changes a running network live if
// libvirt can do that. Otherwise it restarts the network, and plugs the running guests into another network for that
// time. If it fails, it restores the previous state. If n names no bridge, the network keeps the bridge that it has,
// if possible.
func (h *Host) UpdateNetwork(ctx context.Context, n Network) error {
	x, err := h.networkXML(ctx, n.Name)
	if err != nil {
		return err
	}
	defined, err := parseNetwork(x.defined)
	if err != nil {
		return err
	}
	u := networkUpdate{h: h, networkXML: x, wanted: x.defined, anyBridge: n.Bridge == "" && n.MakesBridge()}
	if x.running != nil {
		if u.before, err = parseNetwork(x.running); err != nil {
			return err
		}
	}
	if u.anyBridge && defined.MakesBridge() {
		n.Bridge = defined.Bridge // libvirt has chosen it
	}
	if err := h.checkBridge(ctx, n, defined, u.before); err != nil {
		return err
	}
	if !defined.sameDefinition(n) {
		u.wanted = x.defined.Copy()
		n.edit(u.wanted)
	}
	if err := u.bring(ctx, n); err != nil || x.autostart == n.Autostart {
		return err
	}
	return change(ctx, h, "virNetworkSetAutostart", func(l *libvirt.Libvirt) error { return l.NetworkSetAutostart(x.network, flag(n.Autostart)) })
}

// networkUpdate is a change of a network in progress.
type networkUpdate struct {
	h *Host
	networkXML
	before    Network        // what runs; empty if nothing runs
	wanted    *etree.Element // the new definition
	anyBridge bool           // libvirt may choose the bridge
}

// bring changes the network to n in the least disruptive way.
func (u networkUpdate) bring(ctx context.Context, n Network) error {
	switch {
	case !n.Active:
		return errors.Join(u.define(ctx, u.wanted), u.h.stopNetwork(ctx, u.networkXML))
	case u.running == nil:
		return u.restart(ctx, n)
	}
	if u.parked { // by a change that was interrupted
		if err := u.h.unpark(ctx, n.Name); err != nil {
			return err
		}
	}
	switch u.before.ChangeTo(n) {
	case RestartChange:
		return u.restart(ctx, n)
	case LiveChange:
		return u.live(ctx, n)
	default:
		return u.define(ctx, u.wanted)
	}
}

// define stores a definition in libvirt. That does not change a running network.
func (u networkUpdate) define(ctx context.Context, definition *etree.Element) error {
	if definition == u.defined && u.wanted == u.defined {
		return nil
	}
	_, err := u.h.defineNetwork(ctx, definition)
	return err
}

// live changes a network while it runs.
func (u networkUpdate) live(ctx context.Context, n Network) error {
	updates, _ := u.before.liveUpdates(n)
	if err := u.define(ctx, u.wanted); err != nil {
		return err
	}
	err := u.h.updateLive(ctx, u.networkXML, updates)
	if err == nil || ctx.Err() != nil { // the next run continues the rest
		return err
	}
	return putBack(err, errors.Join(u.define(ctx, u.defined), u.undoLive(ctx)))
}

// undoLive restores what ran before.
func (u networkUpdate) undoLive(ctx context.Context) error {
	x, err := u.h.networkXML(ctx, u.before.Name)
	if err != nil {
		return err
	}
	if x.running == nil {
		return errors.New("it no longer runs")
	}
	now, err := parseNetwork(x.running)
	if err != nil {
		return err
	}
	updates, _ := now.liveUpdates(u.before)
	return u.h.updateLive(ctx, x, updates)
}

// restart stops the network if it runs, and starts it as wanted. Running guests that have an interface on it are
// parked for that time, and then plugged in again.
func (u networkUpdate) restart(ctx context.Context, n Network) error {
	err := u.check(ctx, n)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTimeout)
	defer cancel()
	if err := u.define(ctx, u.wanted); err != nil {
		return err
	}
	if u.losesBridge(n) {
		err = u.h.park(ctx, u.networkXML)
	}
	if err == nil {
		err = u.startAnew(ctx)
	}
	if err == nil {
		return u.plugIn(ctx, n)
	}
	return putBack(err, u.goBack(ctx, n))
}

// losesBridge reports whether a restart removes the bridge that guests are plugged into. A device of the host, which
// guests use by macvtap, stays.
func (u networkUpdate) losesBridge(n Network) bool {
	return u.place().bridge != "" && (n.MakesBridge() || n.Bridge != u.place().bridge)
}

// plugIn plugs in the parked guests. A bridge of the host's own has none.
func (u networkUpdate) plugIn(ctx context.Context, n Network) error {
	if !u.losesBridge(n) {
		return nil
	}
	return u.h.unpark(ctx, n.Name)
}

// goBack restores the previous state of the network.
func (u networkUpdate) goBack(ctx context.Context, n Network) error {
	if err := u.define(ctx, u.defined); err != nil || u.running == nil {
		return err
	}
	if err := u.activate(ctx, u.defined); err != nil {
		return err
	}
	return u.plugIn(ctx, n)
}

// startAnew stops the network if it runs, and starts it.
func (u networkUpdate) startAnew(ctx context.Context) error {
	err := change(ctx, u.h, "virNetworkDestroy", func(l *libvirt.Libvirt) error { return setNetworkActive(l, u.network, false) })
	if err != nil {
		return err
	}
	return u.activate(ctx, u.wanted)
}

// activate starts a network if it does not run. A libvirtd that is killed while it stops a network leaves the
// network's bridge, sometimes with the network's address, so the network cannot start. libvirt 9.0 cannot remove such
// a bridge, so another bridge has to be chosen. libvirt 11.3 removes it when the start fails.
func (u networkUpdate) activate(ctx context.Context, definition *etree.Element) error {
	start := func(l *libvirt.Libvirt) error { return setNetworkActive(l, u.network, true) }
	err := change(ctx, u.h, "virNetworkCreate", start)
	if !refusedWith(err, libvirt.ErrSystemError) && !refusedWith(err, libvirt.ErrInternalError) {
		return err
	}
	if u.anyBridge {
		if _, err := u.h.defineNetwork(ctx, withoutBridge(definition)); err != nil {
			return err
		}
	}
	return change(ctx, u.h, "virNetworkCreate", start)
}

// putBack returns the error of a change after the attempt to restore the previous state.
func putBack(err, back error) error {
	if back != nil {
		return fmt.Errorf("%w; restoring the network to its previous state failed as well: %w", err, back)
	}
	return fmt.Errorf("%w; the network was restored to its previous state", err)
}

// check finds what would prevent the network from starting, before any guest loses its link.
func (u networkUpdate) check(ctx context.Context, n Network) error {
	if err := u.h.checkConflicts(ctx, n, u.before); err != nil {
		return err
	}
	if err := u.checkGuests(ctx, n); err != nil {
		return err
	}
	if u.running == nil || n.TFTPRoot == "" || n.TFTPRoot == u.before.TFTPRoot {
		return nil
	}
	return u.probeTFTPRoot(ctx, n.TFTPRoot)
}

// checkGuests refuses to remove a bridge from running guests that libvirt cannot plug into a device of the host:
// src/qemu/qemu_hotplug.c, qemuDomainChangeNet(), cannot change an interface on a bridge into one of macvtap.
func (u networkUpdate) checkGuests(ctx context.Context, n Network) error {
	if u.running == nil || u.place().bridge == "" || n.HasBridge() {
		return nil
	}
	nics, err := u.h.nicsOn(ctx, u.place())
	if err != nil || len(nics) == 0 {
		return err
	}
	return fmt.Errorf("running guests are attached to its bridge, and libvirt cannot move a running guest from a bridge to a device of the host: %s; stop them first",
		strings.Join(guestNames(nics), ", "))
}

// probeTFTPRoot finds out whether dnsmasq could serve a TFTP root with the user, the rights and the security policy
// that it has on this host: it briefly starts a dnsmasq on a network of its own.
func (u networkUpdate) probeTFTPRoot(ctx context.Context, root string) error {
	probe := Network{
		Name: changeName(u.network), Mode: ModeIsolated, TFTPRoot: root,
		// RFC 5737: no host has an address in TEST-NET-1.
		IPv4: &IP{netip.MustParsePrefix("192.0.2.1/30"), &DHCP{Ranges: []Range{{Start: "192.0.2.2", End: "192.0.2.2"}}}},
	}
	err := u.h.createTransientNetwork(ctx, probe)
	if errors.Is(err, ErrTFTPRoot) {
		return err
	}
	// Any other failure of the probe says nothing about the network itself.
	return u.h.destroyTransientNetwork(ctx, probe.Name)
}
