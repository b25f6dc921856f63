package virt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	portPause   = 500 * time.Millisecond // between two attempts to connect
	portAttempt = time.Second            // for one attempt
)

// portAwaiter is a transport that can try TCP ports from the host.
type portAwaiter interface {
	awaitPort(ctx context.Context, at netip.AddrPort) error
}

// AwaitPort waits until a TCP port answers, and fails when the context ends. libvirt has no function for this. The
// port is tried from the host if the URI has no transport or the transport unix or ssh, and otherwise from the machine
// on which this program runs.
func (h *Host) AwaitPort(ctx context.Context, at netip.AddrPort) (err error) {
	wait := h.beginWait(ctx, "TCP port", at.String())
	defer func() { wait.end(err) }()
	if remote, can := h.dialer.(portAwaiter); can {
		return remote.awaitPort(ctx, at)
	}
	return repeatedly(ctx, portPause, func() error { return tryPort(ctx, at) })
}

// repeatedly tries until it succeeds or the context ends.
func repeatedly(ctx context.Context, pause time.Duration, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w (the last attempt: %w)", context.Cause(ctx), err)
		}
	}
}

func tryPort(ctx context.Context, at netip.AddrPort) error {
	conn, err := (&net.Dialer{Timeout: portAttempt}).DialContext(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// portScript tries a port until it answers, and then says so. It gives up after a number of attempts, because sshd does
// not end it if the connection is lost. bash is for a host without netcat.
const portScript = `for try in nc bash; do command -v $try >/dev/null 2>&1 && break; try=; done
[ -n "$try" ] || { echo "neither nc nor bash was found" >&2; exit 127; }
left=%[3]d
until if [ $try = nc ]; then nc -z -w 1 %[1]s %[2]d; else timeout 1 bash -c "</dev/tcp/%[1]s/%[2]d"; fi >/dev/null 2>&1; do
	left=$((left-1)); [ $left -gt 0 ] || exit 1
	sleep 0.5
done
echo answers`

func (d sshDialer) awaitPort(ctx context.Context, at netip.AddrPort) error {
	attempts := 1
	if deadline, has := ctx.Deadline(); has {
		attempts = 1 + int(time.Until(deadline)/portPause)
	}
	script := fmt.Sprintf(portScript, at.Addr(), at.Port(), attempts)
	// It fails if the connection to the host was lost, or if the host cannot run the script.
	return repeatedly(ctx, 2*portPause, func() error { return d.runPortScript(ctx, script) })
}

var errNoAnswer = errors.New("the port does not answer")

func (d sshDialer) runPortScript(ctx context.Context, script string) error {
	p, err := d.start(script)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = p.Close() })()
	defer func() { _ = p.Close() }()
	said, err := io.ReadAll(p)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	case string(said) == "answers\n":
		return nil
	default:
		return withStderr(p, errNoAnswer)
	}
}
