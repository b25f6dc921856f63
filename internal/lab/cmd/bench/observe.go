package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// observation is what the provider does in a round that is not timed.
type observation struct {
	calls  map[step]int // to libvirtd
	memory int64        // peak of its resident set in bytes, in one process for all steps
}

// observe does the steps with a provider that this program starts, through a proxy.
func (b *bench) observe(ctx context.Context, w *workspace, steps []step) (observation, error) {
	seen := observation{calls: map[step]int{}}
	wire, err := b.wire(b.host, 0)
	if err != nil {
		return seen, err
	}
	env := append(w.env, "LIBVIRT_DEFAULT_URI="+wire.URI)
	provider, attach, err := serve(ctx, b.provider(), env)
	if err != nil {
		return seen, err
	}
	defer func() {
		_ = provider.Process.Kill()
		_ = provider.Wait()
	}()
	attached := &workspace{cli: w.cli, dir: w.dir, env: append(env, attach)}
	for _, s := range steps {
		_ = wire.Calls()
		if err := attached.do(ctx, s); err != nil {
			return seen, err
		}
		seen.calls[s] = wire.Calls()
	}
	seen.memory, err = peakMemory(provider.Process.Pid)
	return seen, err
}

// serve starts the provider in debug mode, and returns the setting that makes a CLI use it.
func serve(ctx context.Context, binary string, env []string) (*exec.Cmd, string, error) {
	cmd := exec.CommandContext(ctx, binary, "-debug")
	cmd.Env = env
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if _, setting, found := strings.Cut(lines.Text(), attachVariable+"="); found {
			attach, err := attachEverywhere(strings.Trim(setting, "'"))
			go func() { _, _ = io.Copy(io.Discard, output) }()
			return cmd, attach, err
		}
	}
	return nil, "", errors.Join(errors.New("the provider did not say how to attach to it"), lines.Err(), cmd.Wait())
}

const attachVariable = "TF_REATTACH_PROVIDERS"

// attachEverywhere repeats the provider's setting for the addresses of all CLIs.
func attachEverywhere(setting string) (string, error) {
	var attach map[string]json.RawMessage
	if err := json.Unmarshal([]byte(setting), &attach); err != nil {
		return "", fmt.Errorf("%s: %w", attachVariable, err)
	}
	for _, address := range addresses {
		attach[address] = attach[addresses[0]]
	}
	text, err := json.Marshal(attach)
	return attachVariable + "=" + string(text), err
}

// peakMemory returns what proc_pid_status(5) calls VmHWM, in bytes. The kernel reports it in KiB.
func peakMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the kernel does not report the peak memory of a process")
}
