package virt

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// consoleGapNotice is what a reader gets instead of the guest's output while no one was connected to its console.
const consoleGapNotice = "\r\n[The connection to libvirt was lost here. The guest's output until the provider connected again is missing.]\r\n"

// lastingConsole is a console that is reopened when libvirtd restarts. Guests keep running while libvirtd restarts.
type lastingConsole struct {
	host *Host

	mu      sync.Mutex
	current *Console
	closed  bool
}

func (c *lastingConsole) Read(p []byte) (int, error) {
	c.mu.Lock()
	current := c.current
	c.mu.Unlock()
	n, err := current.Read(p)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	current.stream.Close()
	wait := c.host.beginWait(current.ctx, "console that was lost", current.domain.Name)
	next, problem := c.host.reopenConsole(current.ctx, current.domain)
	wait.end(withoutEOF(problem))
	switch {
	case problem == io.EOF:
		return 0, io.EOF
	case problem != nil:
		return 0, errors.Join(err, problem)
	}
	next.rest = []byte(consoleGapNotice)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = next.Close()
		return 0, net.ErrClosed
	}
	c.current = next
	return 0, nil
}

// withoutEOF returns the error, but nil for io.EOF: the guest's end also ends a wait for its console and is not an
// error.
func withoutEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// reopenConsole waits for libvirtd and, if only the connection was cut, until libvirtd has released the console. It
// returns io.EOF if the guest has ended or was started again.
func (h *Host) reopenConsole(ctx context.Context, domain libvirt.Domain) (*Console, error) {
	for pause := firstPause; ; pause *= 2 {
		now, err := h.lookupDomain(ctx, domain.Name)
		if err != nil {
			return nil, err
		}
		if now.UUID != domain.UUID || now.ID != domain.ID {
			return nil, io.EOF
		}
		console, err := h.openConsole(ctx, now, 0)
		if !isRefused(err) || pause > lastPause {
			return console, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (c *lastingConsole) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	return c.current.Close()
}
