package domains

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// addressPause is the pause between two looks at a guest's addresses. libvirt has no event for a lease, nor for the neighbours.
const addressPause = 500 * time.Millisecond

// newLeases are the leases that a guest's system got. A lease outlives its guest, and a firmware that boots from the network gets one
// as well, so an address counts only if its lease is new, or was renewed.
type newLeases struct {
	read     func(context.Context) ([]virt.LeasedAddress, error)
	netboots bool
	outdated chan struct{} // brings a value when the firmware has its lease for a while

	mu       sync.Mutex
	firmware bool // the firmware may get a lease at any moment, and dnsmasq tells libvirt of it a while later
	ages     bool // all leases are old
	old      []virt.LeasedAddress
}

// remember makes the leases of before the start old. If the host does not answer, the start says so.
func (l *newLeases) remember(ctx context.Context) { l.old, _ = l.read(ctx) }

// reached is told which stage a boot has reached.
func (l *newLeases) reached(stage boot.Stage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.firmware = l.netboots && stage < boot.StageKernel
	if l.netboots && boot.StageKernel <= stage && stage < boot.StageLinux {
		l.ages = true
		select {
		case l.outdated <- struct{}{}:
		default:
		}
	}
}

// addresses returns the addresses with new leases. A lease without end does not show its renewal, so it counts.
func (l *newLeases) addresses(ctx context.Context) (found []netip.Addr, err error) {
	leases, err := l.read(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ages {
		l.old, l.ages = leases, false
	}
	for _, lease := range leases {
		if !l.firmware && (lease.Expires.IsZero() || !slices.Contains(l.old, lease)) {
			found = append(found, lease.Address)
		}
	}
	return found, nil
}

// addressWait waits for an address.
type addressWait struct {
	*waiter
	found []netip.Addr
	err   error // of the last look
}

func (a *addressWait) await(ctx context.Context) error {
	wanted := func(address netip.Addr) bool { return !address.IsLinkLocalUnicast() } // which an interface gives itself
	if text := a.want.Address.Prefix; text != nil {
		prefix, err := netip.ParsePrefix(*text)
		if err != nil {
			return err
		}
		wanted = prefix.Contains
	}
	for {
		found, err := a.look(ctx)
		if slices.ContainsFunc(found, wanted) {
			return nil
		}
		if ctx.Err() == nil {
			a.found, a.err = found, err
		}
		select {
		case <-time.After(addressPause):
		case <-a.leases.outdated:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (a *addressWait) look(ctx context.Context) ([]netip.Addr, error) {
	if a.source() == virt.FromLeases {
		return a.leases.addresses(ctx)
	}
	return a.Host.Addresses(ctx, a.name(), a.source())
}

func (a *addressWait) missing() string {
	switch {
	case a.err != nil:
		return fmt.Sprintf("the guest's addresses are not known: %v", a.err)
	case len(a.found) > 0 && a.want.Address.Prefix != nil:
		return fmt.Sprintf("the guest has no address in %s. It has %s", *a.want.Address.Prefix, joined(a.found))
	case len(a.found) > 0:
		return fmt.Sprintf("the guest has only link-local addresses: %s", joined(a.found))
	case a.source() == virt.FromLeases:
		return "the guest's system has no lease. Leases from before the start do not count, nor does the lease of the firmware. A guest with a static address has no lease: " +
			"set addresses_from, or wait for agent, or for port with an address"
	default:
		return fmt.Sprintf("the guest has no address from the source %q", a.source())
	}
}

func joined(addresses []netip.Addr) string {
	var texts []string
	for _, address := range addresses {
		texts = append(texts, address.String())
	}
	return strings.Join(texts, ", ")
}

// portWait waits for a TCP port.
type portWait struct {
	*waiter
	tried    map[netip.Addr]bool
	answered happening
}

func (p *portWait) await(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		for _, address := range p.addresses(ctx) {
			if !p.tried[address] {
				p.tried[address] = true
				go p.try(ctx, address)
			}
		}
		select {
		case <-p.answered.done:
			return nil
		case <-time.After(addressPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// addresses are those at which the port may answer. If the host does not answer, the next look may find them.
func (p *portWait) addresses(ctx context.Context) []netip.Addr {
	if given := p.want.Port.Address; given != nil {
		address, err := netip.ParseAddr(*given)
		if err == nil {
			return []netip.Addr{address}
		}
	}
	found, err := p.Host.Addresses(ctx, p.name(), p.source())
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(found, netip.Addr.IsLinkLocalUnicast) // they are not reachable without a zone
}

func (p *portWait) try(ctx context.Context, address netip.Addr) {
	if p.Host.AwaitPort(ctx, netip.AddrPortFrom(address, uint16(p.want.Port.Number))) == nil {
		p.answered.now()
	}
}

func (p *portWait) missing() string {
	number := p.want.Port.Number
	if len(p.tried) == 0 {
		return fmt.Sprintf("port %d was not tried, because the guest has no address from the source %q. A guest with a static address needs wait_for.port.address", number, p.source())
	}
	return fmt.Sprintf("TCP port %d does not answer at %s", number, joined(slices.SortedFunc(maps.Keys(p.tried), netip.Addr.Compare)))
}
