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

// ErrInterfaceExists says that a bridge which is to be made has the name of an interface of the host's.
var ErrInterfaceExists = errors.New("the host already has an interface with that name")

// hostInterfaces is where Linux has the host's network interfaces, as directories.
const hostInterfaces = "/sys/class/net"

// checkBridge refuses a bridge that n is to make, and had not before, where the host has an interface of that name.
// libvirt 11.3 takes that interface away when the network then does not start: src/network/bridge_driver.c,
// networkStartNetwork. A host that does not let itself be looked at is left to libvirt.
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
	if err := h.checkConflicts(ctx, n, Network{}); err != nil { // which names the network that has it
		return err
	}
	return fmt.Errorf("%w: %q", ErrInterfaceExists, n.Bridge)
}

// What a name is on the host that is not a bridge's.
var (
	ErrNoBridge  = errors.New("the host has no bridge or other interface with that name")
	ErrNotBridge = errors.New("the host's interface with that name is not a bridge")
)

// CheckBridge returns ErrNoBridge or ErrNotBridge where the host has no bridge of a name. A host that does not let itself
// be looked at has every bridge, and one of Open vSwitch is none to the kernel.
func (h *Host) CheckBridge(ctx context.Context, name string) error {
	// Linux keeps the interfaces that are plugged into a bridge there: net/bridge/br_sysfs_br.c, SYSFS_BRIDGE_PORT_SUBDIR.
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

// maxBridgeChoices bounds how often libvirt may choose a bridge that another network has too. Each time it has a
// reason: two clients had it choose within the same milliseconds.
const maxBridgeChoices = 10

// ownBridge has libvirt choose again while it has chosen a bridge that another network has too, which another
// client has defined in the same moment.
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
