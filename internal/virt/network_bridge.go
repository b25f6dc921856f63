package virt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// ErrInterfaceExists says that a bridge which is to be made has the name of an interface of the host's.
var ErrInterfaceExists = errors.New("the host has an interface of that name already")

// hostInterfaces is where Linux has the host's network interfaces, as directories.
const hostInterfaces = "/sys/class/net"

// checkBridge refuses a bridge that n is to make, and had not before, where the host has an interface of that name.
// libvirt 11.3 takes that interface away when the network then does not start: src/network/bridge_driver.c,
// networkStartNetwork. A host that does not let itself be looked at is left to libvirt.
func (h *Host) checkBridge(ctx context.Context, n Network, before ...Network) error {
	makesIt := func(other Network) bool { return other.Mode != ModeBridge && other.Bridge == n.Bridge }
	if n.Bridge == "" || !makesIt(n) || slices.ContainsFunc(before, makesIt) {
		return nil
	}
	var names []string
	err := h.withTransientPool(ctx, hostInterfaces, func(pool string) (err error) {
		names, err = h.VolumeNames(ctx, pool)
		return err
	})
	if isRefused(err) {
		return nil
	}
	if !slices.Contains(names, n.Bridge) {
		return err
	}
	if err := h.checkConflicts(ctx, n, Network{}); err != nil { // which names the network that has it
		return err
	}
	return fmt.Errorf("%w: %q", ErrInterfaceExists, n.Bridge)
}

// ownBridge has libvirt choose again while it has chosen a bridge that another network has too, which another
// client has defined in the same moment.
func ownBridge(l *libvirt.Libvirt, network libvirt.Network) error {
	for {
		if shared, err := sharesBridge(l, network); err != nil || !shared {
			return err
		}
		definition, err := describe(l, network, libvirt.NetworkXMLInactive)
		if err != nil {
			return err
		}
		text, err := formatXML(withoutBridge(definition))
		if err != nil {
			return err
		}
		if _, err := l.NetworkDefineXML(text); err != nil {
			return err
		}
	}
}

// withoutBridge is a definition changed so that libvirt chooses the bridge.
func withoutBridge(definition *etree.Element) *etree.Element {
	changed := definition.Copy()
	changed.SelectElement("bridge").NotNil().RemoveAttr("name")
	return changed
}

// sharesBridge tells whether another network has the name of a network's bridge.
func sharesBridge(l *libvirt.Libvirt, network libvirt.Network) (bool, error) {
	bridge, err := l.NetworkGetBridgeName(network)
	if err != nil {
		return false, err
	}
	networks, _, err := l.ConnectListAllNetworks(1, 0)
	if err != nil {
		return false, err
	}
	var shared atomic.Bool
	calls := make([]func() error, len(networks))
	for i, other := range networks {
		calls[i] = func() error {
			name, err := l.NetworkGetBridgeName(other)
			if isCode(err, libvirt.ErrNoNetwork) || isCode(err, libvirt.ErrInternalError) { // it is gone, or has no bridge
				return nil
			}
			if name == bridge && other.UUID != network.UUID {
				shared.Store(true)
			}
			return err
		}
	}
	err = concurrently(calls...)
	return shared.Load(), err
}
