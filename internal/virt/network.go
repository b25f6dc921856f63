package virt

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

// Network is a libvirt network: a bridge with DHCP, DNS and TFTP by dnsmasq.
type Network struct {
	Name      string
	UUID      string
	Mode      string // nat, route, open, isolated
	Bridge    string // "" lets libvirt choose
	Domain    string
	MTU       uint
	Autostart bool
	Active    bool
	TFTPRoot  string
	IPv4      *IPv4
}

// IPv4 is the host's address on a network and what dnsmasq hands out there.
type IPv4 struct {
	Address netip.Prefix
	DHCP    *DHCP
}

// DHCP is what dnsmasq offers to guests.
type DHCP struct {
	Ranges       []Range
	Reservations []Reservation
	Bootfile     string
	NextServer   string
	LeaseSeconds uint // 0 leaves it to dnsmasq, which takes an hour
}

// Range is a range of addresses, both ends included.
type Range struct{ Start, End string }

// Reservation gives a guest a fixed address, by its MAC.
type Reservation struct{ MAC, IP, Hostname string }

// Network looks a network up by name, as it is defined and not as it may still run.
func (h *Host) Network(ctx context.Context, name string) (Network, error) {
	return call(ctx, h, func(l *libvirt.Libvirt) (Network, error) {
		network, err := l.NetworkLookupByName(name)
		if err != nil {
			return Network{}, err
		}
		text, err := l.NetworkGetXMLDesc(network, uint32(libvirt.NetworkXMLInactive))
		if err != nil {
			return Network{}, err
		}
		active, err := l.NetworkIsActive(network)
		if err != nil {
			return Network{}, err
		}
		autostart, err := l.NetworkGetAutostart(network)
		if err != nil {
			return Network{}, err
		}
		read, err := parseNetwork(text)
		read.Active, read.Autostart = active == 1, autostart == 1
		return read, err
	})
}

// CreateNetwork defines a network and starts it where n is active. When it does not start, nothing
// of it is left; when the name is taken, it returns ErrExists.
func (h *Host) CreateNetwork(ctx context.Context, n Network) error {
	// With spanning tree on, as libvirt would have it, a port forwards nothing while it learns, and
	// that eats DHCP requests of a firmware that makes but ten. Nothing but guests is on the bridge.
	doc := &libvirtxml.Network{Name: n.Name, Bridge: &libvirtxml.NetworkBridge{STP: "off"}}
	network, err := h.defineNetwork(ctx, n, doc)
	if refusedWith(err, libvirt.ErrOperationFailed) {
		err = taken(err, func() error { _, err := h.Network(ctx, n.Name); return err })
	}
	if err != nil {
		return err
	}
	err = do(ctx, h, func(l *libvirt.Libvirt) error {
		if n.Active {
			if err := l.NetworkCreate(network); err != nil {
				return err
			}
		}
		return l.NetworkSetAutostart(network, flag(n.Autostart))
	})
	if err != nil {
		return errors.Join(err, h.DeleteNetwork(context.WithoutCancel(ctx), n.Name))
	}
	return nil
}

// UpdateNetwork makes the network what n says and leaves alone what n does not model. A running
// network whose definition changes is restarted; when it does not start, the old definition is put
// back and started.
func (h *Host) UpdateNetwork(ctx context.Context, n Network) error {
	network, old, err := h.networkXML(ctx, n.Name)
	if err != nil {
		return err
	}
	now, err := parseNetwork(old)
	if err != nil {
		return err
	}
	if n.Bridge == "" {
		n.Bridge = now.Bridge // libvirt has chosen it
	}
	if n.definition() != now.definition() {
		if err := h.redefineNetwork(ctx, n, old); err != nil {
			return err
		}
	}
	return do(ctx, h, func(l *libvirt.Libvirt) error {
		if err := setNetworkActive(l, network, n.Active); err != nil {
			return err
		}
		return l.NetworkSetAutostart(network, flag(n.Autostart))
	})
}

// redefineNetwork defines the network anew over its old XML and restarts it where it runs.
func (h *Host) redefineNetwork(ctx context.Context, n Network, old string) error {
	var doc libvirtxml.Network
	if err := doc.Unmarshal(old); err != nil {
		return err
	}
	network, err := h.defineNetwork(ctx, n, &doc)
	if err != nil {
		return err
	}
	active, err := call(ctx, h, func(l *libvirt.Libvirt) (int32, error) { return l.NetworkIsActive(network) })
	if err != nil || active == 0 {
		return err
	}
	err = do(ctx, h, func(l *libvirt.Libvirt) error {
		if err := l.NetworkDestroy(network); err != nil {
			return err
		}
		return l.NetworkCreate(network)
	})
	if err == nil {
		return nil
	}
	restored := do(context.WithoutCancel(ctx), h, func(l *libvirt.Libvirt) error {
		if _, err := l.NetworkDefineXML(old); err != nil {
			return err
		}
		return setNetworkActive(l, network, true)
	})
	if restored != nil {
		return fmt.Errorf("%w; putting its old definition back failed too: %w", err, restored)
	}
	return fmt.Errorf("%w; its old definition was put back and started", err)
}

// DeleteNetwork stops a network and removes its definition.
func (h *Host) DeleteNetwork(ctx context.Context, name string) error {
	return do(ctx, h, func(l *libvirt.Libvirt) error {
		network, err := l.NetworkLookupByName(name)
		if err != nil {
			return err
		}
		if err := setNetworkActive(l, network, false); err != nil {
			return err
		}
		return l.NetworkUndefine(network)
	})
}

// NetworkGuests names the running guests that are plugged into a network.
func (h *Host) NetworkGuests(ctx context.Context, name string) ([]string, error) {
	return call(ctx, h, func(l *libvirt.Libvirt) ([]string, error) {
		network, err := l.NetworkLookupByName(name)
		if err != nil {
			return nil, err
		}
		// libvirt refuses to list the ports of a network that does not run.
		if active, err := l.NetworkIsActive(network); err != nil || active == 0 {
			return nil, err
		}
		ports, _, err := l.NetworkListAllPorts(network, 1, 0)
		if err != nil {
			return nil, err
		}
		var guests []string
		for _, port := range ports {
			text, err := l.NetworkPortGetXMLDesc(port, 0)
			if err != nil {
				return nil, err
			}
			var doc libvirtxml.NetworkPort
			if err := doc.Unmarshal(text); err != nil {
				return nil, err
			}
			if doc.Owner != nil {
				guests = append(guests, doc.Owner.Name)
			}
		}
		return guests, nil
	})
}

func (h *Host) networkXML(ctx context.Context, name string) (libvirt.Network, string, error) {
	var text string
	network, err := call(ctx, h, func(l *libvirt.Libvirt) (libvirt.Network, error) {
		network, err := l.NetworkLookupByName(name)
		if err == nil {
			text, err = l.NetworkGetXMLDesc(network, uint32(libvirt.NetworkXMLInactive))
		}
		return network, err
	})
	return network, text, err
}

func (h *Host) defineNetwork(ctx context.Context, n Network, doc *libvirtxml.Network) (libvirt.Network, error) {
	n.applyTo(doc)
	text, err := doc.Marshal()
	if err != nil {
		return libvirt.Network{}, err
	}
	return call(ctx, h, func(l *libvirt.Libvirt) (libvirt.Network, error) { return l.NetworkDefineXML(text) })
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

// flag is a truth as libvirt's protocol has it.
func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}
