package virttest

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
)

// script is what a guest does when it starts.
type script struct {
	text string // what it writes to its console
	ends bool   // whether it ends after that
}

// firmware is what every guest's console shows first.
const firmware = "LOADPARM=[        ]\n"

// Script sets what a domain with this name writes to its console whenever it starts, and whether it then ends, like a
// firmware that gives up, or continues to run without output. Without a script, a guest continues to run if it has
// something to boot from.
func (h *Host) Script(domain, text string, ends bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.scripts[domain] = script{text, ends}
}

func (h *Host) scriptOf(d *domain) script {
	if s, found := h.scripts[d.Name]; found {
		return s
	}
	return script{text: firmware, ends: len(d.Boot) == 0}
}

// console shows a text, and ends with the guest, its context or Close.
type console struct {
	ctx     context.Context
	text    *strings.Reader
	ended   <-chan struct{}
	closing sync.Once
	closed  chan struct{}
}

func newConsole(ctx context.Context, text string, ended <-chan struct{}) *console {
	return &console{ctx: ctx, text: strings.NewReader(text), ended: ended, closed: make(chan struct{})}
}

func (c *console) Read(p []byte) (int, error) {
	if n, err := c.text.Read(p); err == nil {
		return n, nil
	}
	select {
	case <-c.ended:
		return 0, io.EOF
	case <-c.ctx.Done():
		return 0, context.Cause(c.ctx)
	case <-c.closed:
		return 0, net.ErrClosed
	}
}

func (c *console) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return nil
}
