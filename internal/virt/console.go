package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// ErrConsoleTaken says that another client has the guest's console. libvirt gives a console to one client at a time.
var ErrConsoleTaken = errors.New("another program has the guest's console open, for example virsh console")

// Console is a guest's console: what the guest writes from the moment it was opened.
type Console struct {
	streamReader
	host   *Host
	domain libvirt.Domain
}

// OpenConsole opens a domain's first console, on a connection of its own. Reading ends with io.EOF when the guest
// ends. libvirt refuses it while another client has the console.
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
	return &Console{streamReader{stream: s, ctx: ctx}, h, domain}, nil
}

// Read reads what the guest writes. libvirtd aborts the stream of a client that loses the console to another client.
func (c *Console) Read(p []byte) (int, error) {
	n, err := c.streamReader.Read(p)
	switch {
	case err == io.EOF:
		c.host.awaitEnd(c.ctx, c.domain)
	case isRefused(err):
		err = fmt.Errorf("%w: %w", ErrConsoleTaken, err)
	}
	return n, err
}

// awaitEnd waits until libvirt knows that a guest has ended, after the guest's console has ended. QEMU closes the
// console when it ends, and libvirt 11.3 notices the end of QEMU a little later.
func (h *Host) awaitEnd(ctx context.Context, guest libvirt.Domain) {
	for pause := firstPause; pause <= lastPause; pause *= 2 {
		ended, err := query(ctx, h, "virDomainLookupByUUID", func(l *libvirt.Libvirt) (bool, error) { return hasEnded(l, guest), nil })
		if ended || err != nil {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Close releases the console. The guest keeps running.
func (c *Console) Close() error {
	c.stream.Close()
	return nil
}
