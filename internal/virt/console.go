package virt

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/digitalocean/go-libvirt"
)

// ErrConsoleTaken says that a guest's console, which libvirt gives to one client at a time, is another's.
var ErrConsoleTaken = errors.New("somebody else has the guest's console, as virsh console does")

// Console is a guest's console: what the guest writes from the moment it was opened.
type Console struct {
	incoming
	domain libvirt.Domain
}

// OpenConsole opens a domain's first console, on a connection of its own. Reading ends with io.EOF
// when the guest does. It is refused while somebody else has the console.
func (h *Host) OpenConsole(ctx context.Context, name string) (io.ReadCloser, error) {
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return nil, err
	}
	return h.openConsole(ctx, domain, 0)
}

func (h *Host) openConsole(ctx context.Context, domain libvirt.Domain, how libvirt.DomainConsoleFlags) (*Console, error) {
	args := xdr{}.string(domain.Name).opaque(domain.UUID[:]).uint32(uint32(domain.ID))
	s, err := h.openStream(ctx, procOpenConsole, args.optional("").uint32(uint32(how)))
	if refusedWith(err, libvirt.ErrOperationFailed) { // libvirt src/qemu/qemu_driver.c, qemuDomainOpenConsole
		return nil, fmt.Errorf("%w: %w", ErrConsoleTaken, err)
	}
	if err != nil {
		return nil, err
	}
	return &Console{incoming{stream: s, ctx: ctx}, domain}, nil
}

// Read reads what the guest writes. libvirtd aborts the stream of who loses the console to another.
func (c *Console) Read(p []byte) (int, error) {
	n, err := c.incoming.Read(p)
	if isRefused(err) {
		err = fmt.Errorf("%w: %w", ErrConsoleTaken, err)
	}
	return n, err
}

// Close lets go of the console; the guest goes on.
func (c *Console) Close() error {
	c.stream.Close()
	return nil
}
