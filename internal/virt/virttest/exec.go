package virttest

import (
	"context"
	"errors"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// ScriptCommand makes the agent of a guest answer commands. The domain must exist.
func (h *Host) ScriptCommand(name string, run func(context.Context, virt.Command) (virt.CommandResult, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.domains[name].run = run
}

// RunCommand runs the script of ScriptCommand. A guest without a script has no agent that runs.
func (h *Host) RunCommand(ctx context.Context, name string, c virt.Command) (virt.CommandResult, error) {
	run, err := call(ctx, h, "RunCommand", func() (func(context.Context, virt.Command) (virt.CommandResult, error), error) {
		d, err := h.lookupDomain(name)
		switch {
		case err != nil:
			return nil, err
		case d.State != virt.Running:
			return nil, errNotRunning
		case !d.GuestAgent:
			return nil, errors.New("the guest has no channel for an agent")
		case d.run == nil:
			return nil, errors.New("no guest agent is running in the guest")
		}
		return d.run, nil
	})
	if err != nil {
		return virt.CommandResult{}, err
	}
	return run(ctx, c)
}
