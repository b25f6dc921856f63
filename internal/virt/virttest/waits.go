package virttest

import (
	"context"
	"net/netip"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// ConnectAgent connects the guest agent of a domain that runs. The domain must exist.
func (h *Host) ConnectAgent(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.domains[name].agent)
}

// Answer makes a TCP port answer.
func (h *Host) Answer(at netip.AddrPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ports[at] == nil {
		h.ports[at] = make(chan struct{})
	}
	close(h.ports[at])
}

// WatchRun watches a guest that was started.
func (h *Host) WatchRun(ctx context.Context, name string) (*virt.Run, error) {
	return call(ctx, h, "WatchRun", func() (*virt.Run, error) {
		d, err := h.lookupDomain(name)
		if err != nil {
			return nil, err
		}
		agent, ended, left := make(chan struct{}, 1), make(chan virt.Ending, 1), make(chan struct{})
		if d.State == virt.Off {
			ended <- virt.Ending{How: d.Reason.End()}
			return &virt.Run{Agent: agent, Ended: ended, Leave: func() {}}, nil
		}
		go func(connected, over <-chan struct{}) {
			select {
			case <-connected:
				agent <- struct{}{}
			case <-over:
			case <-left:
				return
			}
			select {
			case <-over:
				h.mu.Lock()
				defer h.mu.Unlock()
				ended <- virt.Ending{How: d.how}
			case <-left:
			}
		}(d.agent, d.ended)
		return &virt.Run{Agent: agent, Ended: ended, Leave: func() { close(left) }}, nil
	})
}

// LeasedAddresses returns the addresses of Lease as leases without end.
func (h *Host) LeasedAddresses(ctx context.Context, name string) (leases []virt.LeasedAddress, err error) {
	err = h.onDomain(ctx, "LeasedAddresses", name, func(d *domain) error {
		for _, address := range d.addresses {
			leases = append(leases, virt.LeasedAddress{Address: address})
		}
		return nil
	})
	return leases, err
}

// AwaitPort waits for Answer.
func (h *Host) AwaitPort(ctx context.Context, at netip.AddrPort) error {
	answers, err := call(ctx, h, "AwaitPort", func() (chan struct{}, error) {
		if h.ports[at] == nil {
			h.ports[at] = make(chan struct{})
		}
		return h.ports[at], nil
	})
	if err != nil {
		return err
	}
	select {
	case <-answers:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
