package virt

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"sync/atomic"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// ErrInterfaceExists says that a bridge to be created has the name of an interface of the host.
var ErrInterfaceExists = errors.New("the host already has an interface with that name")

// hostInterfaces is the directory in which Linux shows the host's network interfaces, as directories.
const hostInterfaces = "/sys/class/net"

// checkBridge refuses a bridge that n is to make and did not make before, if the host has an interface with that
// name. If the network then does not start, libvirt 11.3 removes that interface: src/network/bridge_driver.c,
// networkStartNetwork. If the host does not allow the check, checkBridge leaves it to libvirt.
func (h *Host) checkBridge(ctx context.Context, n Network, before ...Network) error {
	makesIt := func(other Network) bool { return other.MakesBridge() && other.Bridge == n.Bridge }
	if n.Bridge == "" || !makesIt(n) || slices.ContainsFunc(before, makesIt) {
		return nil
	}
	names, err := h.hostInterfaceNames(ctx)
	if isRefused(err) {
		return nil
	}
	if !slices.Contains(names, n.Bridge) {
		return err
	}
	if err := h.checkConflicts(ctx, n, Network{}); err != nil { // it names the network that has the bridge
		return err
	}
	return fmt.Errorf("%w: %q", ErrInterfaceExists, n.Bridge)
}

// What a name on the host is if it is not the name of a bridge.
var (
	ErrNoBridge  = errors.New("the host has no bridge or other interface with that name")
	ErrNotBridge = errors.New("the host's interface with that name is not a bridge")
)

// CheckBridge returns ErrNoBridge or ErrNotBridge if the host has no bridge with this name. It returns nil if the
// host does not allow the check. A bridge of Open vSwitch is not a bridge to the kernel.
func (h *Host) CheckBridge(ctx context.Context, name string) error {
	// Linux keeps the interfaces that are plugged into a bridge here: net/bridge/br_sysfs_br.c,
	// SYSFS_BRIDGE_PORT_SUBDIR.
	err := h.withTransientPool(ctx, path.Join(hostInterfaces, name, "brif"), func(string) error { return nil })
	if !isRefused(err) {
		return err
	}
	names, err := h.hostInterfaceNames(ctx)
	switch {
	case isRefused(err):
		return nil
	case err != nil:
		return err
	case slices.Contains(names, name):
		return fmt.Errorf("%w: %q", ErrNotBridge, name)
	default:
		return fmt.Errorf("%w: %q", ErrNoBridge, name)
	}
}

func (h *Host) hostInterfaceNames(ctx context.Context) (names []string, err error) {
	err = h.withTransientPool(ctx, hostInterfaces, func(pool string) (err error) {
		names, err = h.VolumeNames(ctx, pool)
		return err
	})
	return names, err
}

// maxBridgeChoices limits how often libvirt may choose a bridge that another network also has. Each time this happens
// only if two clients made it choose within the same milliseconds.
const maxBridgeChoices = 10

// ownBridge makes libvirt choose again as long as it has chosen a bridge that another network also has, because
// another client defined that network at the same moment.
func (h *Host) ownBridge(ctx context.Context, network libvirt.Network) error {
	for choice := 1; ; choice++ {
		shared, err := query(ctx, h, "virNetworkGetBridgeName", func(l *libvirt.Libvirt) (bool, error) { return sharesBridge(l, network) })
		if err != nil || !shared {
			return err
		}
		if choice == maxBridgeChoices {
			return fmt.Errorf("libvirt chose a bridge %d times, and each time another network already had it; set the bridge's name in the configuration", choice)
		}
		if err := h.chooseBridgeAgain(ctx, network); err != nil {
			return err
		}
	}
}

func (h *Host) chooseBridgeAgain(ctx context.Context, network libvirt.Network) error {
	definition, err := query(ctx, h, "virNetworkGetXMLDesc", func(l *libvirt.Libvirt) (*etree.Element, error) {
		return describe(l, network, libvirt.NetworkXMLInactive)
	})
	if err != nil {
		return err
	}
	_, err = h.defineNetwork(ctx, withoutBridge(definition))
	return err
}

// withoutBridge returns a definition that lets libvirt choose the bridge.
func withoutBridge(definition *etree.Element) *etree.Element {
	changed := definition.Copy()
	changed.SelectElement("bridge").NotNil().RemoveAttr("name")
	return changed
}

// sharesBridge reports whether another network has a bridge with the same name as a network's bridge.
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
			if isCode(err, libvirt.ErrNoNetwork) || isCode(err, libvirt.ErrInternalError) { // it was removed, or has no bridge
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
