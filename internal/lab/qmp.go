package lab

import (
	"encoding/json"
	"fmt"
	"io"
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

// message is a reply to a request or an event, of which it has the fields that the lab looks at.
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

// execute returns when the command is done, and passes over events.
func (m *monitor) execute(command string, arguments map[string]any) error {
	if err := m.requests.Encode(request{command, arguments}); err != nil {
		return fmt.Errorf("unable to ask QEMU for %s: %w", command, err)
	}
	for {
		reply, err := m.next()
		if err != nil {
			return fmt.Errorf("QEMU does not %s: %w", command, err)
		}
		if reply.Return != nil {
			return nil
		}
	}
}

// panicked lets the guest run until it stops in a disabled wait, and returns the address in its
// program status word.
func (m *monitor) panicked() (address uint64, err error) {
	if err := m.requests.Encode(request{Execute: "cont"}); err != nil {
		return 0, err
	}
	for {
		event, err := m.next()
		if err != nil {
			return 0, err
		}
		if event.Event == "GUEST_PANICKED" {
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
