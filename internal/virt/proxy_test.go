package virt_test

import (
	"encoding/binary"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
)

// proxy is between a host and libvirtd. It can cut or delay the traffic.
type proxy struct {
	URI    string
	target string

	mu    sync.Mutex
	conns []net.Conn
	limit int           // bytes after which every connection is cut; negative for never
	held  chan struct{} // if not nil, traffic stops until it closes
	fault *fault        // if not nil, what happens at a certain call
}

// fault is what happens at a call that changes something on the host, after a given number of such calls.
type fault struct {
	before int
	do     func()
	done   bool // the proxy no longer works since then
}

// newProxy is between the test and the libvirtd of a URI that names its socket.
func newProxy(t *testing.T, uri string) *proxy {
	t.Helper()
	parsed, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{URI: "qemu+tcp://" + listener.Addr().String() + "/system", target: parsed.Query().Get("socket"), limit: -1}
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
	})
	go p.serve(listener)
	return p
}

func (p *proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.target)
		if err != nil || p.isDead() {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		go p.pass(client, server)
		go p.pass(server, client)
	}
}

func (p *proxy) pass(from, to net.Conn) {
	chunk := make([]byte, 64<<10)
	for {
		n, err := from.Read(chunk)
		if n > 0 {
			p.look(chunk[:n])
		}
		if n > 0 && p.admit(n) {
			_, err = to.Write(chunk[:n])
		}
		if err != nil {
			_ = from.Close()
			_ = to.Close()
			return
		}
	}
}

// admit waits while traffic is held up, and cuts the connections at the limit.
func (p *proxy) admit(n int) bool {
	p.mu.Lock()
	held := p.held
	over := p.limit >= 0 && n > p.limit
	if p.limit >= 0 {
		p.limit -= n
	}
	p.mu.Unlock()
	if held != nil {
		<-held
	}
	if over {
		p.cut()
	}
	return !over
}

// failAt makes something happen at a changing call, before the call reaches libvirtd. From then on the proxy no
// longer works, like a provider that was killed.
func (p *proxy) failAt(before int, do func()) *fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = &fault{before: before, do: do}
	return p.fault
}

// look finds the calls in the traffic: libvirt src/rpc/virnetprotocol.x, virNetMessageHeader after the message's
// length. A call has type 0.
func (p *proxy) look(chunk []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(chunk) >= 28 && p.fault != nil && !p.fault.done {
		length, procedure, kind := binary.BigEndian.Uint32(chunk), binary.BigEndian.Uint32(chunk[12:]), binary.BigEndian.Uint32(chunk[16:])
		if kind == 0 && slices.Contains(changing, procedure) {
			if p.fault.before == 0 {
				p.fault.done = true
				p.fault.do()
			}
			p.fault.before--
		}
		chunk = chunk[min(int(length), len(chunk)):]
	}
}

// changing are the procedures that change something, in libvirt's src/remote/remote_protocol.x:
// network create, create XML, define XML, destroy, update, set autostart, domain update device.
var changing = []uint32{39, 40, 41, 42, 48, 174, 291}

func (p *proxy) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault != nil && p.fault.done
}

// cutAfter cuts all connections after this many bytes. New connections work again.
func (p *proxy) cutAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = bytes
}

func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAll()
}

// die cuts all connections and accepts no new one.
func (p *proxy) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = &fault{done: true}
	p.cutAll()
}

// cutAll is cut for a caller that holds the lock.
func (p *proxy) cutAll() {
	for _, conn := range p.conns {
		_ = conn.Close()
	}
	p.conns, p.limit = nil, -1
}

// hold makes both sides wait until the test calls the returned function.
func (p *proxy) hold(t *testing.T) (release func()) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	held := make(chan struct{})
	p.held = held
	release = sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.held = nil
		close(held)
	})
	t.Cleanup(release)
	return release
}
