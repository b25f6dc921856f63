package virttest

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Network looks up a network by name.
func (h *Host) Network(ctx context.Context, name string) (virt.Network, error) {
	return call(ctx, h, "Network", func() (virt.Network, error) {
		n, err := h.lookupNetwork(name)
		return cloneNetwork(n), err
	})
}

// NetworkName returns the name of the network with a UUID.
func (h *Host) NetworkName(ctx context.Context, id string) (string, error) {
	return call(ctx, h, "NetworkName", func() (string, error) {
		for _, n := range h.networks {
			if n.UUID == id {
				return n.Name, nil
			}
		}
		return "", notFound("network", id)
	})
}

// CreateNetwork defines a network, and starts it if n is active.
func (h *Host) CreateNetwork(ctx context.Context, n virt.Network) error {
	return do(ctx, h, "CreateNetwork", func() error {
		if _, found := h.networks[n.Name]; found {
			return exists("network", n.Name)
		}
		n.UUID = uuid.NewString()
		if n.Bridge == "" && n.MakesBridge() {
			n.Bridge = h.freeBridge()
		}
		return h.putNetwork(n)
	})
}

// UpdateNetwork changes the network to n.
func (h *Host) UpdateNetwork(ctx context.Context, n virt.Network) error {
	return do(ctx, h, "UpdateNetwork", func() error {
		old, err := h.lookupNetwork(n.Name)
		if err != nil {
			return err
		}
		n.UUID = old.UUID
		if n.Bridge == "" && n.MakesBridge() {
			n.Bridge = old.Bridge
			if n.Bridge == "" || !old.MakesBridge() {
				n.Bridge = h.freeBridge()
			}
		}
		return h.putNetwork(n)
	})
}

// DeleteNetwork stops a network and removes its definition.
func (h *Host) DeleteNetwork(ctx context.Context, name string) error {
	return do(ctx, h, "DeleteNetwork", func() error {
		_, err := h.lookupNetwork(name)
		delete(h.networks, name)
		return err
	})
}

// RenameNetwork gives a network another name and keeps its UUID, as if another user defined it again.
func (h *Host) RenameNetwork(ctx context.Context, name, to string) error {
	return do(ctx, h, "RenameNetwork", func() error {
		n, err := h.lookupNetwork(name)
		if err != nil {
			return err
		}
		delete(h.networks, name)
		n.Name = to
		h.networks[to] = n
		return nil
	})
}

// NetworkGuests returns the names of the running guests that are plugged into a network.
func (h *Host) NetworkGuests(ctx context.Context, name string) ([]string, error) {
	return call(ctx, h, "NetworkGuests", func() ([]string, error) {
		if _, err := h.lookupNetwork(name); err != nil {
			return nil, err
		}
		var guests []string
		for _, d := range h.domains {
			plugged := func(i virt.Interface) bool { return i.Network == name }
			if d.State == virt.Running && slices.ContainsFunc(d.Interfaces, plugged) {
				guests = append(guests, d.Name)
			}
		}
		slices.Sort(guests)
		return guests, nil
	})
}

// Interfaces sets the host's interfaces, each with whether it is a bridge. Without it, the host has every bridge.
func (h *Host) Interfaces(isBridge map[string]bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interfaces = isBridge
}

// CheckBridge returns virt.ErrNoBridge or virt.ErrNotBridge if the host has no bridge with this name.
func (h *Host) CheckBridge(ctx context.Context, name string) error {
	return do(ctx, h, "CheckBridge", func() error {
		isBridge, found := h.interfaces[name]
		switch {
		case isBridge || h.interfaces == nil:
			return nil
		case found:
			return fmt.Errorf("%w: %q", virt.ErrNotBridge, name)
		default:
			return fmt.Errorf("%w: %q", virt.ErrNoBridge, name)
		}
	})
}

func (h *Host) lookupNetwork(name string) (virt.Network, error) {
	n, found := h.networks[name]
	if !found {
		return virt.Network{}, notFound("network", name)
	}
	return n, nil
}

// putNetwork stores a network, unless libvirt would not define it or dnsmasq would not start.
func (h *Host) putNetwork(n virt.Network) error {
	if n.IPv4 == nil && n.IPv6 == nil && n.Mode != virt.ModeIsolated && n.MakesBridge() {
		return fmt.Errorf("%s forwarding requested, but no IP address provided for network %q", n.Mode, n.Name)
	}
	for _, other := range h.networks {
		if err := n.Conflict(other); err != nil && n.Active && other.Active && other.Name != n.Name {
			return err
		}
	}
	if n.Active && n.TFTPRoot != "" {
		if err := h.checkTFTPRoot(n.TFTPRoot); err != nil {
			return err
		}
	}
	h.networks[n.Name] = cloneNetwork(n)
	return nil
}

// checkTFTPRoot checks what dnsmasq, which runs as nobody, checks when it starts: whether it can list the directory.
func (h *Host) checkTFTPRoot(root string) error {
	switch {
	case !h.isDir(root):
		return fmt.Errorf("%w: TFTP directory %s inaccessible: No such file or directory", virt.ErrTFTPRoot, root)
	case h.files[root].mode&0o004 == 0:
		return fmt.Errorf("%w: TFTP directory %s inaccessible: Permission denied", virt.ErrTFTPRoot, root)
	default:
		return nil
	}
}

// freeBridge returns the name that libvirt gives a bridge without a name.
func (h *Host) freeBridge() string {
	taken := map[string]bool{}
	for _, n := range h.networks {
		taken[n.Bridge] = true
	}
	for i := 0; ; i++ {
		if name := fmt.Sprintf("virbr%d", i); !taken[name] {
			return name
		}
	}
}

// cloneNetwork returns a copy that shares nothing with n. As in libvirt's XML, empty parts do not exist in it.
func cloneNetwork(n virt.Network) virt.Network {
	n.VLANs, n.Options = clone(n.VLANs), clone(n.Options)
	n.Devices, n.Routes = clone(n.Devices), clone(n.Routes)
	n.IPv4, n.IPv6 = cloneIP(n.IPv4), cloneIP(n.IPv6)
	if n.DNS == nil {
		return n
	}
	dns := *n.DNS
	dns.Hosts, dns.Forwarders = clone(dns.Hosts), clone(dns.Forwarders)
	n.DNS = &dns
	if !dns.Disabled && len(dns.Hosts)+len(dns.Forwarders) == 0 {
		n.DNS = nil
	}
	return n
}

func cloneIP(ip *virt.IP) *virt.IP {
	if ip == nil {
		return nil
	}
	copied := *ip
	if ip.DHCP == nil {
		return &copied
	}
	dhcp := *ip.DHCP
	copied.DHCP = &dhcp
	dhcp.Ranges, dhcp.Reservations = clone(dhcp.Ranges), clone(dhcp.Reservations)
	if len(dhcp.Ranges)+len(dhcp.Reservations) == 0 {
		copied.DHCP = nil
	}
	return &copied
}

// clone returns a copy. An empty copy is nil, like data from libvirt.
func clone[T any](s []T) []T { return append([]T(nil), s...) }
