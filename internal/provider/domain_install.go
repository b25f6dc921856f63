package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// An installation is a run of the guest beside its definition, which says at all times to boot from
// disk: whatever happens to the run, to this program or to the host, the next start is from disk.

type installModel struct {
	Until   string `tfsdk:"until" json:"until"`
	Timeout string `tfsdk:"timeout" json:"timeout"`
}

var installTypes = map[string]attr.Type{"until": types.StringType, "timeout": types.StringType}

// What ends an installation.
const (
	untilReboot   = "reboot"
	untilShutdown = "shutdown"
)

const (
	// reconnectPatience is how long a host may be away while a guest on it installs.
	reconnectPatience = time.Minute
	// endGrace is how long the end of a guest is waited for after that of its console, and the other way round.
	endGrace = 2 * time.Second
)

// errInstallTimeout ends an installation that install.timeout allows no longer.
var errInstallTimeout = errors.New("install.timeout")

// nextPhase is what is to be done about an installation that the plan has. One that was cut off goes on
// where the guest still installs, is over where the guest has ended by itself since, and begins again
// where it ended otherwise.
func (r *domainResource) nextPhase(ctx context.Context, plan, state domainModel) (installPhase, error) {
	if !plan.installs(&state) {
		return phaseNone, nil
	}
	d, err := r.host.Domain(ctx, plan.Name.ValueString())
	if err != nil {
		return phaseNone, err
	}
	noted := parseInstallNote(d.Note)
	if noted == nil || noted.Phase == phaseNone || !types.StringPointerValue(noted.Reinstall).Equal(plan.Reinstall) {
		return phaseDue, nil
	}
	installing, err := r.host.Installing(ctx, d.Name)
	switch {
	case err != nil:
		return phaseNone, err
	case installing:
		return phaseInstalling, nil
	case noted.Phase == phaseInstalling && d.State == virt.Off && d.Reason == virt.ShutDown:
		return phaseNone, nil
	default:
		return phaseDue, nil
	}
}

// install boots the guest from the network and waits until it is installed, or goes on to wait. The
// guest is off then.
func (r *domainResource) install(ctx context.Context, m *domainModel, diags *diag.Diagnostics) error {
	m.Installed = types.BoolValue(false)
	var install installModel
	diags.Append(m.Install.As(ctx, &install, objectAsOptions)...)
	err := r.awaitInstallation(ctx, m, install, diags)
	if err == nil {
		m.phase, m.Installed, m.logGoesOn = phaseNone, types.BoolValue(true), true
		err = r.saveNote(ctx, *m, diags)
	}
	if err != nil && m.BootResult.IsUnknown() {
		m.BootResult = types.ObjectNull(bootResultTypes)
	}
	return err
}

func (r *domainResource) awaitInstallation(ctx context.Context, m *domainModel, install installModel, diags *diag.Diagnostics) error {
	timeout, err := time.ParseDuration(install.Timeout)
	if err != nil {
		return err
	}
	log, err := r.consoleLog(*m)
	if err != nil {
		return err
	}
	defer log.Close()

	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errInstallTimeout)
	defer cancel()
	run, err := r.beginInstallation(ctx, m, diags)
	for err == nil {
		seen := followInstallation(ctx, run, log)
		run.Leave()
		switch err = seen.verdict(install); {
		case seen.ended && err != nil: // libvirt does not keep all that was seen of the end
			m.phase = phaseDue
			return errors.Join(err, r.saveNote(context.WithoutCancel(ctx), *m, diags))
		case seen.ending.Err == nil || ctx.Err() != nil:
			return err
		}
		run, err = r.rejoin(ctx, m.Name.ValueString())
	}
	return err
}

// beginInstallation starts the guest, or finds it where it has been started. That it was is noted behind
// the start: a guest that is off before has not been installed.
func (r *domainResource) beginInstallation(ctx context.Context, m *domainModel, diags *diag.Diagnostics) (*virt.Installation, error) {
	name := m.Name.ValueString()
	if m.phase == phaseInstalling {
		return r.host.JoinInstallation(ctx, name)
	}
	run, err := r.host.InstallDomain(ctx, virt.Domain{Name: name, Interfaces: m.interfaces(ctx, diags), Loadparm: m.Loadparm.ValueString()})
	if err != nil {
		return nil, explainStart(err, name)
	}
	m.phase = phaseInstalling
	if err := r.saveNote(ctx, *m, diags); err != nil {
		run.Leave()
		return nil, err
	}
	return run, nil
}

// rejoin finds the guest again after the connection was lost, as soon as the host answers.
func (r *domainResource) rejoin(ctx context.Context, name string) (*virt.Installation, error) {
	for began := time.Now(); ; {
		run, err := r.host.JoinInstallation(ctx, name)
		if err == nil || isNotFound(err) || ctx.Err() != nil || time.Since(began) > reconnectPatience {
			return run, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// seenInstallation is what was seen of an installation.
type seenInstallation struct {
	ending  virt.Ending
	ended   bool
	cause   error         // why it is not waited for any longer
	console *boot.Failure // how the console ended; nil where it has not
}

// followInstallation waits for the end of the guest, of its firmware's attempts, or of the context. The
// console alone does not count as the guest's end: somebody else may have taken it.
func followInstallation(ctx context.Context, run *virt.Installation, log io.Writer) (seen seenInstallation) {
	console := make(chan *boot.Failure, 1)
	go func() { console <- boot.Follow(ctx, io.TeeReader(run.Console, log)) }()
	select {
	case seen.ending = <-run.Ended:
		seen.ended, seen.cause = seen.ending.Err == nil, seen.ending.Err
		select {
		case seen.console = <-console:
		case <-time.After(endGrace):
		}
		return seen
	case seen.console = <-console:
	}
	wait := ctx
	if seen.console.Reason == boot.GaveUp {
		short, cancel := context.WithTimeout(ctx, endGrace)
		defer cancel()
		wait = short
	}
	select {
	case seen.ending = <-run.Ended:
		seen.ended, seen.cause = seen.ending.Err == nil, seen.ending.Err
	case <-wait.Done():
		seen.cause = context.Cause(ctx)
	}
	return seen
}

// verdict is nil for a guest that is installed.
func (s seenInstallation) verdict(install installModel) error {
	switch {
	case s.console != nil && s.console.Reason == boot.GaveUp:
		return s.console
	case !s.ended && errors.Is(s.cause, errInstallTimeout):
		return s.withConsole(fmt.Errorf("the guest has not ended with a %s within %w, %s", install.Until, s.cause, install.Timeout))
	case !s.ended:
		return s.withConsole(fmt.Errorf("the installation is not waited for any longer (%w)", s.cause))
	}
	var what string
	switch how := s.ending.How; {
	case how == virt.EndShutdown, how == virt.EndReboot && install.Until == untilReboot, how == virt.EndPowerOff && install.Until == untilShutdown:
		return nil
	case how == virt.EndReboot:
		what = `the guest rebooted, and install.until = "shutdown" waits for it to power off. It was not started again. Tell the installer to power off, or set install.until = "reboot"`
	case how == virt.EndPowerOff:
		what = `the guest powered off, and install.until = "reboot" waits for it to reboot. Tell the installer to reboot, or set install.until = "shutdown"`
	case how == virt.EndDestroyed:
		what = "the guest was ended, or reset, from the host while it installed: by somebody with virsh, for example"
	case how == virt.EndCrashed && s.mayHaveRebooted():
		what = "the guest crashed while it installed, or rebooted: emulation (TCG) takes the way in which Linux reboots an s390x guest for a crash, " +
			"unless the guest writes 1 to /sys/firmware/reipl/ccw/clear before. An installer that powers off has no such trouble: " +
			`tell it to, and set install.until = "shutdown"`
	case how == virt.EndCrashed:
		what = "the guest crashed while it installed"
	default:
		what = "it is not known how the installation ended: somebody has started the guest without it, or libvirt has forgotten"
	}
	return s.withConsole(errors.New(what))
}

// withConsole adds the end of the console, where there is one.
func (s seenInstallation) withConsole(err error) error {
	if s.console == nil {
		return err
	}
	return fmt.Errorf("%w\n\n%w", err, s.console)
}

// mayHaveRebooted tells whether what looks like a crash of Linux is without the words of one. The last
// words before a reboot do not come: Linux writes to this console with a delay.
func (s seenInstallation) mayHaveRebooted() bool {
	return s.console != nil && s.console.Result.Stage >= boot.StageLinux && !strings.Contains(s.console.Result.Tail, "Kernel panic")
}
