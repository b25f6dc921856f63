package virt

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/digitalocean/go-libvirt"
)

// Command is a command for a guest's agent.
type Command struct {
	Program     string
	Arguments   []string
	Environment map[string]string // nil is the agent's own
	Input       []byte
}

// CommandResult is how a command in a guest ended. Of a long output, it has the beginning and the end.
type CommandResult struct {
	ExitStatus      int // above 128 if a signal ended the program: 128 and the number of the signal
	Output          []byte
	Errors          []byte
	OutputShortened bool // Output lacks bytes after its first OutputHead bytes
	ErrorsShortened bool
}

// OutputHead is how much of the beginning and of the end of a long output is kept. libvirt passes on at most 3 MiB, and an
// answer of 10 MiB makes an agent unusable until it is restarted (src/qemu/qemu_agent.c, QEMU_AGENT_MAX_RESPONSE).
const OutputHead = 256 << 10

// maxInput is what fits into a call with the rest of a command (src/remote/remote_protocol.x, REMOTE_STRING_MAX).
const maxInput = 2 << 20

// ErrNoProgram says that a guest does not have a program.
var ErrNoProgram = errors.New("the guest has no such program")

// ErrNoCommands says that the agent of a guest does not run commands.
var ErrNoCommands = errors.New("the guest agent does not run commands")

// The scripts run in the guest, with any POSIX shell. They have no comments, because a guest's list of processes shows them.
var (
	// runScript runs a program and exits as it does. Of its output and of its errors, it passes on the first and the last
	// OutputHead bytes. Descriptor 3 gets the exit status, 4 the output on its way to keep; 5 and 6 are what the agent reads,
	// and 7 the errors on their way to keep. Only the program obeys SIGTERM, so that its output is complete. A shell's own message about a program that a signal ended goes to /dev/null.
	//
	//go:embed guestscripts/run.sh
	runScript string
	// endScript ends a process and all processes that it started. They have a second to end by themselves. It looks for their
	// children again after that, and starts no process for each, because an emulated guest is slow.
	//
	//go:embed guestscripts/end.sh
	endScript string
)

// RunCommand runs a command in a guest by its agent, and returns when the command has ended. When ctx ends, it ends the
// command in the guest, and returns what the command has written until then.
func (h *Host) RunCommand(ctx context.Context, name string, c Command) (CommandResult, error) {
	if len(c.Input) > maxInput {
		return CommandResult{}, fmt.Errorf("the input is %d bytes long; libvirt passes on at most %d", len(c.Input), maxInput)
	}
	domain, err := h.lookupDomain(ctx, name)
	if err != nil {
		return CommandResult{}, err
	}
	pid, err := h.startInGuest(ctx, domain, c.request())
	if err != nil {
		return CommandResult{}, err
	}
	status, err := h.awaitCommand(ctx, domain, pid)
	if err == nil || ctx.Err() == nil {
		return status.result(err)
	}
	status, notEnded := h.endInGuest(context.WithoutCancel(ctx), domain, pid)
	result, _ := status.result(nil)
	return result, errors.Join(context.Cause(ctx), notEnded)
}

// defaultPath is for a command with an environment of its own, because the agent then passes on nothing of its own.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (c Command) request() execRequest {
	r := execRequest{Path: "/bin/sh", Arguments: append([]string{"-c", runScript, "sh", c.Program}, c.Arguments...), Input: c.Input, Capture: true}
	if c.Environment != nil {
		r.Environment = []string{"PATH=" + cmp.Or(c.Environment["PATH"], defaultPath)}
		for _, name := range slices.Sorted(maps.Keys(c.Environment)) {
			if name != "PATH" {
				r.Environment = append(r.Environment, name+"="+c.Environment[name])
			}
		}
	}
	return r
}

// execRequest, execStarted and execStatus are of guest-exec and guest-exec-status: QEMU qga/qapi-schema.json.
type execRequest struct {
	Path        string   `json:"path"`
	Arguments   []string `json:"arg"`
	Environment []string `json:"env,omitempty"`
	Input       []byte   `json:"input-data,omitempty"`
	Capture     bool     `json:"capture-output"`
}

type execStarted struct {
	PID int `json:"pid"`
}

type execStatus struct {
	Exited     bool   `json:"exited"`
	ExitStatus int    `json:"exitcode"`
	Signal     int    `json:"signal"`
	Output     []byte `json:"out-data"`
	Errors     []byte `json:"err-data"`
}

// programMissing is what run.sh writes if the guest does not have the program.
const programMissing = "netboot: program not found\n"

func (s execStatus) result(err error) (CommandResult, error) {
	r := CommandResult{ExitStatus: s.ExitStatus, Output: s.Output, Errors: s.Errors}
	if s.Signal != 0 {
		r.ExitStatus = 128 + s.Signal
	}
	r.OutputShortened, r.ErrorsShortened = len(s.Output) > OutputHead, len(s.Errors) > OutputHead
	if err == nil && s.ExitStatus == 127 && string(s.Errors) == programMissing {
		err = ErrNoProgram
	}
	return r, err
}

// startInGuest starts a program and returns its process's number.
func (h *Host) startInGuest(ctx context.Context, domain libvirt.Domain, r execRequest) (int, error) {
	started, err := askAgent[execStarted](ctx, h, domain, "guest-exec", r, changeReturning[string])
	if isRefused(err) && strings.Contains(err.Error(), "Failed to execute child process") { // GLib's text
		return 0, fmt.Errorf("the guest has no /bin/sh, which runs the command: %w", err)
	}
	return started.PID, err
}

const (
	firstStatusPause = 50 * time.Millisecond
	lastStatusPause  = time.Second
)

// awaitCommand asks for the status of a process until the process has ended. The agent has no event for that.
func (h *Host) awaitCommand(ctx context.Context, domain libvirt.Domain, pid int) (status execStatus, err error) {
	wait := h.beginWait(ctx, "command in a guest", domain.Name)
	defer func() { wait.end(err) }()
	for pause := firstStatusPause; ; pause = min(pause*3/2, lastStatusPause) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return execStatus{}, context.Cause(ctx)
		}
		status, err = askAgent[execStatus](ctx, h, domain, "guest-exec-status", execStarted{pid}, query[string])
		if isRefused(err) && strings.Contains(err.Error(), "Invalid parameter 'pid'") { // QEMU qga/commands.c, qmp_guest_exec_status
			return execStatus{}, errors.New("the guest agent no longer knows how the command ended, for example because the agent was restarted")
		}
		if errors.Is(err, errAgentSlow) {
			continue // a busy guest may answer the next request
		}
		if err != nil || status.Exited {
			return status, err
		}
	}
}

// How long the end of a command may take in a guest. The script itself gives the command a second.
const endPatience = 10 * time.Second

// endInGuest ends a process and all processes that it started, and returns what the process has written.
func (h *Host) endInGuest(ctx context.Context, domain libvirt.Domain, pid int) (execStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, endPatience)
	defer cancel()
	ending, err := h.startInGuest(ctx, domain, execRequest{Path: "/bin/sh", Arguments: []string{"-c", endScript, "sh", fmt.Sprint(pid)}})
	if err == nil {
		_, err = h.awaitCommand(ctx, domain, ending)
	}
	var status execStatus
	if err == nil {
		status, err = h.awaitCommand(ctx, domain, pid)
	}
	if err != nil {
		err = fmt.Errorf("unable to end the command in the guest, where it may still run as process %d: %w", pid, err)
	}
	return status, err
}

// agentTimeout limits each request to an agent, in seconds. libvirt sends an agent one request at a time.
const agentTimeout = 10

// errAgentSlow says that an agent is connected, but did not answer in time.
var errAgentSlow = errors.New("the guest agent does not answer")

// askAgent sends a request to a guest's agent with call, which is query or changeReturning.
func askAgent[Answer any](ctx context.Context, h *Host, domain libvirt.Domain, command string, arguments any,
	call func(context.Context, *Host, string, func(*libvirt.Libvirt) (string, error)) (string, error),
) (answer Answer, err error) {
	request, err := json.Marshal(map[string]any{"execute": command, "arguments": arguments})
	if err != nil {
		return answer, err
	}
	text, err := call(ctx, h, "virDomainQemuAgentCommand "+command, func(l *libvirt.Libvirt) (string, error) {
		reply, err := l.QEMUDomainAgentCommand(domain, toASCII(request), agentTimeout, 0)
		if err != nil || len(reply) == 0 {
			return "", err
		}
		return reply[0], nil
	})
	if err != nil {
		return answer, agentError(err)
	}
	reply := struct {
		Return *Answer `json:"return"`
	}{&answer}
	return answer, json.Unmarshal([]byte(text), &reply)
}

// toASCII escapes other characters in JSON, which libvirt 11.3 refuses: "failed to parse JSON: invalid utf-8 string"
// (src/util/virjson.c, virJSONValueFromString).
func toASCII(json []byte) string {
	var text strings.Builder
	for _, unit := range utf16.Encode([]rune(string(json))) {
		if unit < 0x80 {
			text.WriteByte(byte(unit))
		} else {
			fmt.Fprintf(&text, `\u%04x`, unit)
		}
	}
	return text.String()
}

// agentError says what to do about a refusal of a request to an agent. libvirt has one code for all agents that do not
// answer, so the texts are of src/qemu/qemu_domain.c, qemuDomainAgentAvailable, and of src/qemu/qemu_agent.c.
func agentError(err error) error {
	switch text := err.Error(); {
	case refusedWith(err, libvirt.ErrOperationInvalid):
		return fmt.Errorf("the guest is not running: %w", err)
	case refusedWith(err, libvirt.ErrArgumentUnsupported):
		return fmt.Errorf("the guest has no channel for an agent; set guest_agent = true: %w", err)
	case refusedWith(err, libvirt.ErrAgentUnresponsive) && strings.Contains(text, "is not connected"):
		return fmt.Errorf("no guest agent is running in the guest. Install and start qemu-guest-agent in the guest. If the guest is still booting, wait for its agent with wait_for = { agent = {} }: %w", err)
	case refusedWith(err, libvirt.ErrAgentUnresponsive) && strings.Contains(text, "due to an error"):
		return fmt.Errorf("libvirt does not use the guest agent after an error. Restart qemu-guest-agent in the guest: %w", err)
	case refusedWith(err, libvirt.ErrAgentUnresponsive), refusedWith(err, libvirt.ErrAgentUnsynced), refusedWith(err, libvirt.ErrAgentCommandTimeout):
		return fmt.Errorf("%w within %d seconds; restart qemu-guest-agent in the guest if it stays so: %w", errAgentSlow, agentTimeout, err)
	// QEMU qapi/qmp-dispatch.c, do_qmp_dispatch: "Command %s has been disabled", and "has not been found" for old agents.
	case isRefused(err) && (strings.Contains(text, "has been disabled") || strings.Contains(text, "has not been found")):
		return fmt.Errorf("%w, because its configuration disables guest-exec. In Red Hat's guests, /etc/sysconfig/qemu-ga "+
			"must not have guest-exec and guest-exec-status in BLACKLIST_RPC or BLOCK_RPCS, and must have them in --allow-rpcs of FILTER_RPC_ARGS, if these are set. "+
			"In other guests, see /etc/qemu/qemu-ga.conf. Then restart qemu-guest-agent: %w", ErrNoCommands, err)
	default:
		return err
	}
}
