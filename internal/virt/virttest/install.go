package virttest

import (
	"context"
	"errors"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// installScript is what a guest does when it installs.
type installScript struct {
	text string
	end  virt.End // EndUnknown keeps running
}

// ScriptInstall sets what a domain with this name writes to its console when it installs, and how the installation
// then ends at once. With virt.EndUnknown, it keeps running until EndInstall. That is also the default without a
// script.
func (h *Host) ScriptInstall(domain, text string, end virt.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.installs[domain] = installScript{text, end}
}

// EndInstall ends a guest that installs. The domain must exist.
func (h *Host) EndInstall(name string, how virt.End) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.domains[name].endAs(how, reasons[how])
}

// InstallDomain runs a domain that is off, once, from the network.
func (h *Host) InstallDomain(ctx context.Context, what virt.Domain) (*virt.Installation, error) {
	return call(ctx, h, "InstallDomain", func() (*virt.Installation, error) {
		d, err := h.lookupDomain(what.Name)
		if err != nil {
			return nil, err
		}
		if d.State != virt.Off {
			return nil, errors.New("domain is already active")
		}
		script := h.installs[what.Name]
		if err := h.run(d); err != nil {
			return nil, err
		}
		d.installs = true
		if script.end != virt.EndUnknown {
			d.endAs(script.end, reasons[script.end])
		}
		return h.installation(ctx, d, firmware+script.text), nil
	})
}

// JoinInstallation joins an installation that another run began.
func (h *Host) JoinInstallation(ctx context.Context, name string) (*virt.Installation, error) {
	return call(ctx, h, "JoinInstallation", func() (*virt.Installation, error) {
		d, err := h.lookupDomain(name)
		if err != nil {
			return nil, err
		}
		if d.State == virt.Running && d.installs {
			return h.installation(ctx, d, ""), nil
		}
		past := make(chan virt.Ending, 1)
		past <- virt.Ending{How: d.Reason.End()}
		over := make(chan struct{})
		close(over)
		return &virt.Installation{Console: newConsole(ctx, "", over), Ended: past, Leave: func() {}}, nil
	})
}

// Installing reports whether a domain runs as InstallDomain starts it.
func (h *Host) Installing(ctx context.Context, name string) (installing bool, err error) {
	err = h.onDomain(ctx, "Installing", name, func(d *domain) error {
		installing = d.State == virt.Running && d.installs
		return nil
	})
	return installing, err
}

// installation returns the run of a domain, which may have ended already.
func (h *Host) installation(ctx context.Context, d *domain, text string) *virt.Installation {
	ended, left := make(chan virt.Ending, 1), make(chan struct{})
	go func(over <-chan struct{}) {
		select {
		case <-over:
			h.mu.Lock()
			defer h.mu.Unlock()
			ended <- virt.Ending{How: d.how}
		case <-left:
		}
	}(d.ended)
	console := newConsole(ctx, text, d.ended)
	return &virt.Installation{Console: console, Ended: ended, Leave: func() {
		_ = console.Close()
		close(left)
	}}
}

// reasons are libvirt's records of how a run ended. Without the events, a reboot cannot be distinguished from a
// power-off.
var reasons = map[virt.End]virt.Reason{
	virt.EndShutdown:  virt.ShutDown,
	virt.EndReboot:    virt.ShutDown,
	virt.EndPowerOff:  virt.ShutDown,
	virt.EndDestroyed: virt.ForcedOff,
	virt.EndCrashed:   virt.HasCrashed,
}
