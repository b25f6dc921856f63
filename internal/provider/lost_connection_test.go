package provider

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// wire stands between the provider and libvirtd, and can be cut.
type wire struct {
	uri    string
	target string

	mu     sync.Mutex
	conns  []net.Conn
	opened int // connections so far
	passed int // bytes so far, both ways
	limit  int // of them, after which nothing works any more; 0 for none
}

// wires counts them, for each has a socket of its own.
var wires atomic.Int32

// newWire is a wire to the shared host.
func newWire(t *testing.T) *wire {
	t.Helper()
	host := lab.Shared(t)
	target, err := url.Parse(host.URI)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(host.Dir, fmt.Sprintf("wire-%d", wires.Add(1))) // t.TempDir is too long for a socket's path
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := &wire{uri: "qemu+unix:///system?socket=" + socket, target: target.Query().Get("socket")}
	go w.serve(listener)
	return w
}

func (w *wire) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", w.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, client, server)
		w.opened++
		w.mu.Unlock()
		go w.pass(client, server)
		go w.pass(server, client)
	}
}

func (w *wire) pass(from, to net.Conn) {
	_, _ = io.Copy(to, io.TeeReader(from, w))
	_ = from.Close()
	_ = to.Close()
}

// connections are those that were opened so far.
func (w *wire) connections() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.opened
}

// Write counts what passes, and cuts every connection once that is enough.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed += len(p)
	if w.limit == 0 || w.passed <= w.limit {
		return len(p), nil
	}
	for _, conn := range w.conns {
		_ = conn.Close()
	}
	w.conns = nil
	return 0, net.ErrClosed
}

// cutAfter lets so many more bytes pass, or all with 0, and returns how many passed since it was last
// called.
func (w *wire) cutAfter(bytes int) (passed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	passed, w.passed, w.limit = w.passed, 0, bytes
	return passed
}

// overWire is a CLI with an image and some configurations, on a host at the end of a wire.
func overWire(t *testing.T) (*cli, *wire) {
	t.Helper()
	wire := newWire(t)
	return newCLI(t, wire.uri, bootImage(`kernel = { source = "`+local(t, bigKernel)+`" }`)+`
resource "netboot_pxelinux_config" "test" {
  count     = 8
  tftp_root = netboot_tftp_root.test.id
  ipv4      = "192.168.150.${count.index}"
  `+oneEntry+`
}
`), wire
}

// TestAccLostInRefresh holds that a connection which is lost while a state is refreshed is an error,
// and that the state does not lose by it what nobody could look at.
func TestAccLostInRefresh(t *testing.T) {
	c, wire := overWire(t)
	c.must("apply", "-auto-approve")
	wire.cutAfter(0)
	c.must("plan", "-detailed-exitcode")
	whole := wire.cutAfter(0)
	before := c.state()
	for _, limit := range []int{1, whole / 3, whole * 2 / 3} {
		wire.cutAfter(limit)
		c.mustFail([]string{"apply", "-refresh-only", "-auto-approve"}, "Error: Unable to", "libvirt at "+wire.uri)
		if c.state() != before {
			t.Errorf("the state changed when the connection was cut after %d bytes", limit)
		}
	}
	wire.cutAfter(0)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
	expect(t, hostAbsent(t, "/srv/boot"))
}

// TestAccLostInCreate loses the connection at places all through the making of a TFTP root: whatever
// was made by then is known to the next apply, and a destroy leaves none of it. The runs wait for the
// host to come back, so they do it side by side, each with a root of its own.
func TestAccLostInCreate(t *testing.T) {
	type attempt struct {
		*cli
		wire *wire
		run  *cliRun
	}
	leavesNothing(t)
	var attempts []attempt
	for limit := 800; limit < 9000; limit += 820 {
		wire := newWire(t)
		c := newCLI(t, wire.uri, root(fmt.Sprintf(`path = "/srv/boot-%d"`, limit)))
		wire.cutAfter(limit)
		attempts = append(attempts, attempt{c, wire, c.start("apply", "-auto-approve")})
	}
	for _, a := range attempts {
		_ = a.run.wait(time.Minute) // which fails at most of the places
	}
	for _, a := range attempts {
		a.wire.cutAfter(0)
		a.must("apply", "-auto-approve")
		a.must("plan", "-detailed-exitcode")
		a.must("destroy", "-auto-approve")
	}
	expect(t, hostDir(t, "/srv"))
}

// TestAccLostInApply holds that an apply whose connection is lost ends, and that the next one goes on
// from there and leaves nothing behind that a destroy would not find.
func TestAccLostInApply(t *testing.T) {
	leavesNothing(t)
	c, wire := overWire(t)
	for _, limit := range []int{6000, 2 << 20} {
		wire.cutAfter(limit)
		c.mustFail([]string{"apply", "-auto-approve"}, "Error: Unable to create", "libvirt at "+wire.uri)
	}
	wire.cutAfter(0)
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
	expect(t, hostAbsent(t, "/srv/boot"))
}
