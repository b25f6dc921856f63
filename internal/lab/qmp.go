package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"
)

// monitor is a connection to QEMU's control socket.
//
// https://www.qemu.org/docs/master/interop/qmp-spec.html
type monitor struct {
	requests *json.Encoder
	messages *json.Decoder
}

type request struct {
	Execute   string         `json:"execute"`
	Arguments map[string]any `json:"arguments,omitempty"`
}

// message is a reply to a request, or an event, with the fields that the lab uses.
type message struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Description string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Info struct {
			Address uint64 `json:"psw-addr"`
		} `json:"info"`
	} `json:"data"`
}

func newMonitor(requests io.Writer, messages io.Reader) *monitor {
	return &monitor{json.NewEncoder(requests), json.NewDecoder(messages)}
}

// execute runs a command and returns its result. It ignores events.
func (m *monitor) execute(command string, arguments map[string]any) (json.RawMessage, error) {
	if err := m.requests.Encode(request{command, arguments}); err != nil {
		return nil, fmt.Errorf("unable to ask QEMU for %s: %w", command, err)
	}
	for {
		reply, err := m.next()
		if err != nil {
			return nil, fmt.Errorf("QEMU does not %s: %w", command, err)
		}
		if reply.Return != nil {
			return reply.Return, nil
		}
	}
}

// status is QEMU's run state: running, paused, shutdown and others.
func (m *monitor) status() (string, error) {
	text, err := m.execute("query-status", nil)
	if err != nil {
		return "", err
	}
	var state struct {
		Status string `json:"status"`
	}
	err = json.Unmarshal(text, &state)
	return state.Status, err
}

// AwaitShutdown waits until a guest of libvirt has rebooted or powered off while libvirtd is not running.
// (libvirtd uses QEMU's control socket when it is running.) QEMU then stops the guest and waits for libvirtd.
func (h *Host) AwaitShutdown(ctx context.Context, domain string) error {
	sockets, err := filepath.Glob(fmt.Sprintf("/proc/%d/root/var/lib/libvirt/qemu/domain-*-%s/monitor.sock", h.init.Process.Pid, domain))
	if err != nil {
		return err
	}
	if len(sockets) != 1 {
		return fmt.Errorf("guest %q should have one control socket, but has these: %q", domain, sockets)
	}
	conn, err := net.Dial("unix", sockets[0])
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	m := newMonitor(conn, conn)
	if _, err := m.execute("qmp_capabilities", nil); err != nil {
		return err
	}
	for {
		switch status, err := m.status(); {
		case err != nil:
			return err
		case status == "shutdown":
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("guest %q has not ended: %w", domain, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stopped lets the guest run until it stops in a disabled wait, and returns the address in its
// program status word, or until it powers off.
func (m *monitor) stopped() (address uint64, err error) {
	if err := m.requests.Encode(request{Execute: "cont"}); err != nil {
		return 0, err
	}
	for {
		event, err := m.next()
		if err != nil {
			return 0, err
		}
		if event.Event == "GUEST_PANICKED" || event.Event == "SHUTDOWN" {
			return event.Data.Info.Address, nil
		}
	}
}

func (m *monitor) next() (message, error) {
	var next message
	if err := m.messages.Decode(&next); err != nil {
		return next, err
	}
	if next.Error != nil {
		return next, fmt.Errorf("QEMU says %q", next.Error.Description)
	}
	return next, nil
}
