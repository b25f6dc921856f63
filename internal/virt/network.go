package virt

import (
	"context"
	"errors"
	"fmt"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
)

// Network looks up a network by name, as it is defined.
func (h *Host) Network(ctx context.Context, name string) (Network, error) {
	one := func() (networkXML, error) { return h.networkXML(ctx, name) }
	all := func() map[string]networkXML {
		found, _ := query(ctx, h, "read all networks", readNetworks)
		return found
	}
	x, err := h.networks.look(ctx, name, one, all)
	if err != nil {
		return Network{}, err
	}
	read, err := parseNetwork(x.defined)
	if err != nil {
		return Network{}, err
	}
	read.Active, read.Autostart, read.Parked = x.running != nil, x.autostart, x.parked
	if x.running == nil {
		return read, nil
	}
	running, err := parseNetwork(x.running)
	if !running.sameDefinition(read) {
		running.Active, running.Autostart, running.Parked = read.Active, read.Autostart, read.Parked
		read.Running = &running
	}
	return read, err
}

// NetworkName returns the name of the network with a UUID.
func (h *Host) NetworkName(ctx context.Context, id string) (string, error) {
	wanted, err := uuid.Parse(id)
	if err != nil {
		return "", err
	}
	return query(ctx, h, "virNetworkLookupByUUID", func(l *libvirt.Libvirt) (string, error) {
		network, err := l.NetworkLookupByUUID(libvirt.UUID(wanted))
		return network.Name, err
	})
}

// CreateNetwork defines a network, and starts it if n is active. If it does not start, nothing of it is left. If the
// name is taken, CreateNetwork returns ErrExists.
func (h *Host) CreateNetwork(ctx context.Context, n Network) error {
	exists := func() error { _, err := h.Network(ctx, n.Name); return err }
	if err := h.checkBridge(ctx, n); err != nil && exists() != nil { // libvirt refuses a name that is taken
		return err
	}
	if n.Active {
		if err := h.checkConflicts(ctx, n, Network{}); err != nil {
			return err
		}
	}
	network, err := h.defineNetwork(ctx, n.newXML())
	if refusedWith(err, libvirt.ErrOperationFailed) {
		err = existsIfFound(err, exists)
	}
	if err != nil {
		return err
	}
	if err := h.startNetwork(ctx, network, n); err != nil {
		return errors.Join(err, h.DeleteNetwork(context.WithoutCancel(ctx), n.Name))
	}
	return nil
}

// startNetwork starts a network that was just defined, if n is active, and sets its autostart.
func (h *Host) startNetwork(ctx context.Context, network libvirt.Network, n Network) error {
	if n.Bridge == "" && n.MakesBridge() {
		if err := h.ownBridge(ctx, network); err != nil {
			return err
		}
	}
	return change(ctx, h, "virNetworkCreate", func(l *libvirt.Libvirt) error {
		if n.Active {
			if err := l.NetworkCreate(network); err != nil {
				return err
			}
		}
		return l.NetworkSetAutostart(network, flag(n.Autostart))
	})
}

// DeleteNetwork stops a network and removes its definition. Guests on it lose their link.
func (h *Host) DeleteNetwork(ctx context.Context, name string) error {
	x, err := h.networkXML(ctx, name)
	if err != nil {
		return err
	}
	if err := h.stopNetwork(ctx, x); err != nil {
		return err
	}
	return change(ctx, h, "virNetworkUndefine", func(l *libvirt.Libvirt) error { return l.NetworkUndefine(x.network) })
}

// stopNetwork stops a network, and also the temporary network of a change that has not ended.
func (h *Host) stopNetwork(ctx context.Context, x networkXML) error {
	err := change(ctx, h, "virNetworkDestroy", func(l *libvirt.Libvirt) error { return setNetworkActive(l, x.network, false) })
	if err != nil || !x.parked {
		return err
	}
	return h.destroyTransientNetwork(ctx, changeName(x.network))
}

// NetworkGuests returns, in alphabetical order, the names of the running guests that have an interface on a network,
// on its bridge, or on a device from it. Guests that are parked are included.
func (h *Host) NetworkGuests(ctx context.Context, name string) ([]string, error) {
	x, err := h.networkXML(ctx, name)
	if err != nil {
		return nil, err
	}
	nics, err := h.nicsWhere(ctx, func(n nic) bool {
		return n.isOn(x.place()) || n.isOn(place{network: changeName(x.network)}) || n.hasDeviceOf(name)
	})
	return guestNames(nics), err
}

// networkXML is what libvirt has of a network.
type networkXML struct {
	network   libvirt.Network
	defined   *etree.Element
	running   *etree.Element // nil if it does not run
	autostart bool
	parked    bool // the temporary network of a change that has not ended exists
}

func (x networkXML) name() string { return x.network.Name }

// place returns where the network's guests are plugged in.
func (x networkXML) place() place {
	current := x.defined
	if x.running != nil {
		current = x.running
	}
	return place{x.name(), attr(current.NotNil().SelectElement("bridge"), "name")}
}

func (h *Host) networkXML(ctx context.Context, name string) (networkXML, error) {
	return query(ctx, h, "read network", func(l *libvirt.Libvirt) (x networkXML, err error) {
		if x.network, err = l.NetworkLookupByName(name); err != nil {
			return x, err
		}
		var active, autostart int32
		err = concurrently(func() (err error) {
			x.defined, err = describe(l, x.network, libvirt.NetworkXMLInactive)
			return err
		}, func() (err error) {
			x.running, err = describe(l, x.network, 0)
			return err
		}, func() (err error) {
			active, err = l.NetworkIsActive(x.network)
			return err
		}, func() (err error) {
			autostart, err = l.NetworkGetAutostart(x.network)
			return err
		}, func() error {
			_, err := l.NetworkLookupByName(changeName(x.network))
			x.parked = err == nil
			if isCode(err, libvirt.ErrNoNetwork) {
				return nil
			}
			return err
		})
		if active == 0 {
			x.running = nil
		}
		x.autostart = autostart == 1
		return x, err
	})
}

// readNetworks reads all networks: running networks with two calls each, the others with one, and three more calls.
func readNetworks(l *libvirt.Libvirt) (map[string]networkXML, error) {
	var networks, running, starting []libvirt.Network
	list := func(found *[]libvirt.Network, flags libvirt.ConnectListAllNetworksFlags) func() error {
		return func() (err error) {
			*found, _, err = l.ConnectListAllNetworks(1, flags)
			return err
		}
	}
	err := concurrently(list(&networks, 0), list(&running, libvirt.ConnectListNetworksActive), list(&starting, libvirt.ConnectListNetworksAutostart))
	if err != nil || len(networks) > maxAhead {
		return nil, err
	}
	byName := map[string]libvirt.Network{}
	for _, network := range networks {
		byName[network.Name] = network
	}
	runs, starts := namesOf(running), namesOf(starting)
	return readAll(byName, func(network libvirt.Network) (networkXML, error) {
		x := networkXML{network: network, autostart: starts[network.Name]}
		_, x.parked = byName[changeName(network)]
		err := concurrently(func() (err error) {
			x.defined, err = describe(l, network, libvirt.NetworkXMLInactive)
			return err
		}, func() (err error) {
			if runs[network.Name] {
				x.running, err = describe(l, network, 0)
			}
			return err
		})
		return x, err
	}), nil
}

func namesOf(networks []libvirt.Network) map[string]bool {
	names := map[string]bool{}
	for _, network := range networks {
		names[network.Name] = true
	}
	return names
}

// describe reads a network's XML.
func describe(l *libvirt.Libvirt, network libvirt.Network, flags libvirt.NetworkXMLFlags) (*etree.Element, error) {
	text, err := l.NetworkGetXMLDesc(network, uint32(flags))
	if err != nil {
		return nil, err
	}
	return parseXML(text)
}

// defineNetwork stores a definition. libvirt chooses the name of a bridge that has none, and records it only some
// time later: two networks that are defined at the same time could both get one name, and the network that then does
// not start would remove the other's bridge (libvirt src/network/bridge_driver.c, networkBridgeNameValidate).
func (h *Host) defineNetwork(ctx context.Context, root *etree.Element) (libvirt.Network, error) {
	text, err := formatXML(root)
	if err == nil {
		err = h.acquire(ctx, h.bridgeNaming, waitBridgeNaming)
	}
	if err != nil {
		return libvirt.Network{}, err
	}
	defer h.bridgeNaming.release()
	return changeReturning(ctx, h, "virNetworkDefineXML", func(l *libvirt.Libvirt) (libvirt.Network, error) { return l.NetworkDefineXML(text) })
}

// checkConflicts finds a network that has the bridge or the addresses that n is to have and did not have before.
// libvirt's own refusal does not name that network.
func (h *Host) checkConflicts(ctx context.Context, n, before Network) error {
	others, err := h.runningNetworks(ctx)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := n.Conflict(other); err != nil && before.Conflict(other) == nil && other.Name != n.Name {
			return err
		}
	}
	return nil
}

// Conflict returns an error that says what two networks that run on one host cannot both have.
func (n Network) Conflict(other Network) error {
	if n.MakesBridge() && n.Bridge != "" && n.Bridge == other.Bridge {
		return fmt.Errorf("bridge %q belongs to network %q, which runs on this host; choose another name, or remove bridge", n.Bridge, other.Name)
	}
	for _, ours := range []*IP{n.IPv4, n.IPv6} {
		for _, theirs := range []*IP{other.IPv4, other.IPv6} {
			if ours != nil && theirs != nil && ours.Address.Overlaps(theirs.Address) {
				return fmt.Errorf("%s overlaps with %s of network %q, which runs on this host; choose other addresses",
					ours.Address.Masked(), theirs.Address.Masked(), other.Name)
			}
		}
	}
	return nil
}

func (h *Host) runningNetworks(ctx context.Context) ([]Network, error) {
	return query(ctx, h, "read running networks", func(l *libvirt.Libvirt) ([]Network, error) {
		found, _, err := l.ConnectListAllNetworks(1, libvirt.ConnectListNetworksActive)
		if err != nil {
			return nil, err
		}
		var networks []Network
		for _, network := range found {
			root, err := describe(l, network, 0)
			if isCode(err, libvirt.ErrNoNetwork) { // removed since it was listed
				continue
			}
			if err != nil {
				return nil, err
			}
			n, err := parseNetwork(root)
			if err != nil {
				return nil, err
			}
			networks = append(networks, n)
		}
		return networks, nil
	})
}

func setNetworkActive(l *libvirt.Libvirt, network libvirt.Network, wanted bool) error {
	active, err := l.NetworkIsActive(network)
	switch {
	case err != nil || active == flag(wanted):
		return err
	case wanted:
		return l.NetworkCreate(network)
	default:
		return l.NetworkDestroy(network)
	}
}

// flag converts a bool for libvirt's protocol.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
