package virt

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// A network that stops removes its bridge, and the taps of running guests stay without a bridge. libvirt plugs a tap
// in again when its interface changes to another network and back (libvirt src/qemu/qemu_hotplug.c,
// qemuDomainChangeNetBridge). So guests are parked on a transient network while theirs restarts. HAZARDS.md,
// "Networks", has what else a restart has to survive.

// place is where an interface can be plugged in: a network, or its bridge.
type place struct{ network, bridge string }

// nic is an interface of a running guest.
type nic struct {
	guest   libvirt.Domain
	element *etree.Element
}

// changeName returns the name of the transient network that exists while a network changes. If it is found later, the
// change has not ended, and guests may be parked there.
func changeName(network libvirt.Network) string {
	return "netboot-change-" + uuid.UUID(network.UUID).String()
}

// park plugs the running guests of a network into a temporary network.
func (h *Host) park(ctx context.Context, x networkXML) error {
	nics, err := h.nicsOn(ctx, x.place())
	if err != nil || len(nics) == 0 {
		return err
	}
	return h.parkThese(ctx, x, nics)
}

func (h *Host) parkThese(ctx context.Context, x networkXML, nics []nic) error {
	parking, err := h.parking(ctx, x)
	if err != nil {
		return fmt.Errorf("unable to create a temporary network for the running guests: %w", err)
	}
	return h.plug(ctx, nics, parking)
}

// parking returns the place where guests are parked. It creates the network if it does not exist.
func (h *Host) parking(ctx context.Context, x networkXML) (place, error) {
	name := changeName(x.network)
	mtu, err := parseNumber(x.defined.SelectElement("mtu"), "size")
	if err != nil {
		return place{}, err
	}
	made := h.createTransientNetwork(ctx, Network{Name: name, Mode: ModeIsolated, MTU: mtu})
	parking, err := h.networkXML(ctx, name) // it may exist already
	switch {
	case errors.Is(err, ErrNotFound):
		return place{}, made
	case err == nil && parking.running == nil:
		return place{}, fmt.Errorf("the name that it needs belongs to network %q, which the provider did not create; remove that network", name)
	default:
		return parking.place(), err
	}
}

// unpark plugs all parked guests into their network again, and also guests whose connection was lost: libvirt has no
// port for their interface, because the network was stopped while they used it.
func (h *Host) unpark(ctx context.Context, network string) error {
	x, err := h.networkXML(ctx, network)
	if err != nil {
		return err
	}
	lost, err := h.lostNICs(ctx, x)
	if err == nil && len(lost) > 0 {
		err = h.parkThese(ctx, x, lost)
	}
	if err != nil || !x.parked && len(lost) == 0 {
		return err
	}
	parking, err := h.networkXML(ctx, changeName(x.network))
	if err != nil {
		return err
	}
	waiting, err := h.nicsOn(ctx, parking.place())
	if err == nil {
		err = h.plug(ctx, waiting, x.place())
	}
	if err != nil {
		return fmt.Errorf("unable to plug running guests back into the network: %w; they stay on network %q until the next apply, which plugs them in again", err, parking.name())
	}
	return h.destroyTransientNetwork(ctx, parking.name())
}

// lostNICs returns the guests' interfaces on the network that the network does not know.
func (h *Host) lostNICs(ctx context.Context, x networkXML) ([]nic, error) {
	ports, err := query(ctx, h, "virNetworkListAllPorts", func(l *libvirt.Libvirt) ([]libvirt.NetworkPort, error) {
		ports, _, err := l.NetworkListAllPorts(x.network, 1, 0)
		return ports, err
	})
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, port := range ports {
		known[uuid.UUID(port.UUID).String()] = true
	}
	nics, err := h.nicsOn(ctx, place{network: x.name()})
	return slices.DeleteFunc(nics, func(n nic) bool { return known[attr(n.element.SelectElement("source"), "portid")] }), err
}

// createTransientNetwork starts a network of which nothing remains when it stops.
func (h *Host) createTransientNetwork(ctx context.Context, n Network) error {
	text, err := formatXML(n.newXML())
	if err == nil {
		err = h.acquire(ctx, h.bridgeNaming, waitBridgeNaming)
	}
	if err != nil {
		return err
	}
	defer h.bridgeNaming.release()
	return change(ctx, h, "virNetworkCreateXML", func(l *libvirt.Libvirt) error {
		_, err := l.NetworkCreateXML(text)
		return err
	})
}

func (h *Host) destroyTransientNetwork(ctx context.Context, name string) error {
	err := change(ctx, h, "virNetworkDestroy", func(l *libvirt.Libvirt) error {
		network, err := l.NetworkLookupByName(name)
		if err != nil {
			return err
		}
		return l.NetworkDestroy(network)
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// plug plugs interfaces into a network, or into its bridge if they are on a bridge. A guest that has ended in the
// meantime is skipped.
func (h *Host) plug(ctx context.Context, nics []nic, to place) error {
	var guests errgroup.Group
	guests.SetLimit(maxCalls)
	for _, n := range nics {
		guests.Go(func() error {
			text, err := formatXML(n.on(to))
			if err != nil {
				return err
			}
			err = change(ctx, h, "virDomainUpdateDeviceFlags", func(l *libvirt.Libvirt) error {
				err := l.DomainUpdateDeviceFlags(n.guest, text, libvirt.DomainDeviceModifyLive)
				if err != nil && hasEnded(l, n.guest) {
					return nil
				}
				return err
			})
			if err != nil {
				return fmt.Errorf("guest %q: %w", n.guest.Name, err)
			}
			return nil
		})
	}
	return guests.Wait()
}

// on returns the interface as it is on another network or bridge.
func (n nic) on(to place) *etree.Element {
	moved := n.element.Copy()
	source := moved.SelectElement("source")
	if attr(moved, "type") == "bridge" {
		source.CreateAttr("bridge", to.bridge)
		return moved
	}
	source.CreateAttr("network", to.network)
	source.RemoveAttr("bridge") // libvirt found these for the old network
	source.RemoveAttr("portid")
	return moved
}

// hasEnded reports whether a guest that was running has ended or was started again.
func hasEnded(l *libvirt.Libvirt, guest libvirt.Domain) bool {
	now, err := l.DomainLookupByUUID(guest.UUID)
	return isCode(err, libvirt.ErrNoDomain) || err == nil && now.ID != guest.ID
}

// nicsOn returns the interfaces of running guests in a place.
func (h *Host) nicsOn(ctx context.Context, where place) ([]nic, error) {
	return h.nicsWhere(ctx, func(n nic) bool { return n.isOn(where) })
}

func (h *Host) nicsWhere(ctx context.Context, is func(nic) bool) ([]nic, error) {
	running, err := query(ctx, h, "virConnectListAllDomains", func(l *libvirt.Libvirt) ([]libvirt.Domain, error) {
		domains, _, err := l.ConnectListAllDomains(1, libvirt.ConnectListDomainsActive)
		return domains, err
	})
	if err != nil {
		return nil, err
	}
	found := make([][]nic, len(running))
	var guests errgroup.Group
	guests.SetLimit(maxCalls)
	for i, guest := range running {
		guests.Go(func() (err error) {
			found[i], err = h.nicsOf(ctx, guest)
			return err
		})
	}
	err = guests.Wait()
	return slices.DeleteFunc(slices.Concat(found...), func(n nic) bool { return !is(n) }), err
}

// nicsOf returns the interfaces of a running guest, or none if the guest has ended.
func (h *Host) nicsOf(ctx context.Context, guest libvirt.Domain) ([]nic, error) {
	text, err := query(ctx, h, "virDomainGetXMLDesc", func(l *libvirt.Libvirt) (string, error) {
		text, err := l.DomainGetXMLDesc(guest, 0)
		if err != nil && hasEnded(l, guest) {
			return "<domain/>", nil
		}
		return text, err
	})
	if err != nil {
		return nil, err
	}
	root, err := parseXML(text)
	if err != nil {
		return nil, err
	}
	var nics []nic
	for _, element := range root.FindElements("devices/interface") {
		nics = append(nics, nic{guest, element})
	}
	return nics, nil
}

// isOn reports whether the interface is in a place.
func (n nic) isOn(p place) bool {
	source := n.element.SelectElement("source")
	switch attr(n.element, "type") {
	case "network":
		return p.network != "" && attr(source, "network") == p.network
	case "bridge":
		return p.bridge != "" && attr(source, "bridge") == p.bridge
	default:
		return false
	}
}

// hasDeviceOf reports whether the interface is a device from a network. libvirt shows it as a device for a running
// guest. Such an interface cannot be plugged in elsewhere: src/qemu/qemu_hotplug.c, qemuDomainChangeNet().
func (n nic) hasDeviceOf(network string) bool {
	kind := attr(n.element, "type")
	return (kind == "direct" || kind == "hostdev") && attr(n.element.SelectElement("source"), "network") == network
}

// guestNames returns the names of the guests that have the interfaces, each once, sorted.
func guestNames(nics []nic) []string {
	var names []string
	for _, n := range nics {
		names = append(names, n.guest.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
