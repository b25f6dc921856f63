package domains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/domains/devices"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// An installation is a run of the guest that differs from its definition. The definition always boots from disk: whatever happens
// to the run, to this program or to the host, the next start is from disk.

type installModel struct {
	Until   string   `tfsdk:"until" json:"until"`
	Timeout string   `tfsdk:"timeout" json:"timeout"`
	Expect  []string `tfsdk:"expect" json:"expect,omitempty"`
	Forbid  []string `tfsdk:"forbid" json:"forbid,omitempty"`
}

var installTypes = map[string]attr.Type{
	"until":   types.StringType,
	"timeout": types.StringType,
	"expect":  types.ListType{ElemType: types.StringType},
	"forbid":  types.ListType{ElemType: types.StringType},
}

const (
	// reconnectPatience is how long a host may be unreachable while a guest on it installs, or is waited for.
	reconnectPatience = time.Minute
	// endGrace is how long to wait for the end of a guest after the end of its console, and for the end of its console after the end
	// of the guest.
	endGrace = 2 * time.Second
)

// nextPhase is the phase in which this apply continues an installation.
func (r *domainResource) nextPhase(ctx context.Context, plan, state domainModel) (netboot.Phase, error) {
	if !plan.installs(&state) {
		return netboot.PhaseNone, nil
	}
	d, err := r.Host.Domain(ctx, plan.Name.ValueString())
	if err != nil {
		return netboot.PhaseNone, err
	}
	noted := parseInstallNote(d.Note)
	if noted == nil || noted.Phase == netboot.PhaseNone || !types.StringPointerValue(noted.Reinstall).Equal(plan.Reinstall) {
		return netboot.PhaseDue, nil
	}
	installing, err := r.Host.Installing(ctx, d.Name)
	if err != nil {
		return netboot.PhaseNone, err
	}
	return noted.Phase.Next(installing, d.State == virt.Off && d.Reason == virt.ShutDown), nil
}

// install boots the guest from the network, unless it is installing already, and waits until it is installed. The guest is then
// shut off.
func (r *domainResource) install(ctx context.Context, m *domainModel, diags *diag.Diagnostics) error {
	m.Installed, m.InstallResult = types.BoolValue(false), types.ObjectNull(bootResultTypes)
	err := r.awaitInstallation(ctx, m, *framework.As[installModel](ctx, m.Install, diags), diags)
	if err == nil {
		m.phase, m.Installed, m.logGoesOn = netboot.PhaseNone, types.BoolValue(true), true
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
	check := bootCheckModel{Expect: install.Expect, Forbid: install.Forbid, loader: r.Plans.ReadByBlob(m.Local(m.PxelinuxConfig))}
	want, err := check.expectation()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeoutCause(ctx, timeout, netboot.ErrInstallTimeout)
	defer cancel()
	begun := m.phase == netboot.PhaseDue
	run, err := r.beginInstallation(ctx, m, diags)
	for ; err == nil; begun = false {
		seen, lost := followInstallation(ctx, run, want, log)
		run.Leave()
		seen.Until, seen.Timeout, seen.Begun = install.Until, install.Timeout, begun
		m.setInstallResult(ctx, seen, diags)
		switch err = seen.Verdict(); {
		case err != nil && (seen.Ended || seen.FailedOnConsole()): // libvirt does not keep everything that was seen of the end
			m.phase = netboot.PhaseFailed
			return errors.Join(err, r.saveNote(context.WithoutCancel(ctx), *m, diags))
		case !lost || ctx.Err() != nil:
			m.warnUnseen(seen.Unseen(), diags)
			return err
		}
		run, err = patiently(ctx, func() (*virt.Installation, error) { return r.Host.JoinInstallation(ctx, m.Name.ValueString()) })
	}
	return err
}

// setInstallResult sets what the console showed.
func (m *domainModel) setInstallResult(ctx context.Context, seen netboot.Installation, diags *diag.Diagnostics) {
	if seen.Console != nil {
		m.InstallResult = framework.ObjectFrom(ctx, bootResultTypes, bootResultOf(seen.Console.Result), diags)
	}
}

// warnUnseen says that patterns were not checked.
func (m domainModel) warnUnseen(patterns []string, diags *diag.Diagnostics) {
	if len(patterns) == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("install").AtName("expect"), fmt.Sprintf("The installation of domain %q was not checked completely", m.Name.ValueString()),
		fmt.Sprintf("The installer has ended as install.until says. Its whole console was not seen, because another client opened it, the connection was lost, or an earlier apply began the installation. So it is not known whether it showed: %s.", strings.Join(patterns, ", ")))
}

// beginInstallation starts the guest, or joins the installation if it is already running. The phase is noted after the start: a
// guest that is shut off before that has not been installed.
func (r *domainResource) beginInstallation(ctx context.Context, m *domainModel, diags *diag.Diagnostics) (*virt.Installation, error) {
	name := m.Name.ValueString()
	if m.phase == netboot.PhaseInstalling {
		return r.Host.JoinInstallation(ctx, name)
	}
	run, err := r.Host.InstallDomain(ctx, virt.Domain{Name: name, Interfaces: devices.Interfaces(ctx, m.Interfaces, diags), Loadparm: m.Loadparm.ValueString()})
	if err != nil {
		return nil, explainStart(err, name)
	}
	m.phase = netboot.PhaseInstalling
	if err := r.saveNote(ctx, *m, diags); err != nil {
		run.Leave()
		return nil, err
	}
	return run, nil
}

// patiently makes a request until the host answers, which may take a while after the connection was lost.
func patiently[T any](ctx context.Context, request func() (T, error)) (T, error) {
	for began := time.Now(); ; {
		run, err := request()
		if err == nil || framework.IsNotFound(err) || ctx.Err() != nil || time.Since(began) > reconnectPatience {
			return run, err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// ends are the ways in which a run ends, as package netboot knows them.
var ends = map[virt.End]netboot.End{
	virt.EndUnknown:   netboot.EndUnknown,
	virt.EndShutdown:  netboot.EndShutdown,
	virt.EndReboot:    netboot.EndReboot,
	virt.EndPowerOff:  netboot.EndPowerOff,
	virt.EndDestroyed: netboot.EndDestroyed,
	virt.EndCrashed:   netboot.EndCrashed,
}

// followInstallation waits until the guest ends, its console shows that the installation fails, or the context ends. It tells whether
// the connection was lost during that time. The end of the console does not count as the end of the guest, because another client may
// have opened the console.
func followInstallation(ctx context.Context, run *virt.Installation, want boot.Expectation, log io.Writer) (seen netboot.Installation, lost bool) {
	console := make(chan *boot.Failure, 1)
	go func() { console <- boot.Follow(ctx, io.TeeReader(run.Console, log), want) }()
	end := func(ending virt.Ending) {
		seen.End, seen.Ended, seen.Cause, lost = ends[ending.How], ending.Err == nil, ending.Err, ending.Err != nil
	}
	select {
	case ending := <-run.Ended:
		end(ending)
		select {
		case seen.Console = <-console:
		case <-time.After(endGrace):
		}
		return seen, lost
	case seen.Console = <-console:
	}
	wait := ctx
	if seen.FailedOnConsole() {
		short, cancel := context.WithTimeout(ctx, endGrace)
		defer cancel()
		wait = short
	}
	select {
	case ending := <-run.Ended:
		end(ending)
	case <-wait.Done():
		seen.Cause = context.Cause(ctx)
	}
	return seen, lost
}

// installFacts are what explains that a guest does not boot from its disk right after its installation: how the installer ended.
func (m domainModel) installFacts(ctx context.Context, diags *diag.Diagnostics) []string {
	result := framework.AsKnown[bootResultModel](ctx, m.InstallResult, diags)
	if !m.logGoesOn || result == nil {
		return nil
	}
	return []string{fmt.Sprintf("this apply installed the guest, and its installer ended by itself after %.0f s. The end of the installer's console:\n%s", result.Seconds, boot.Quote(result.ConsoleTail))}
}
