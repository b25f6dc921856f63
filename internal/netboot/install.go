package netboot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
)

// Values of install.until: how an installation ends.
const (
	UntilReboot   = "reboot"
	UntilShutdown = "shutdown"
	UntilEither   = "either"
)

// Errors that end a wait whose timeout the user can set.
var (
	ErrBootTimeout    = errors.New("boot_check.timeout")
	ErrInstallTimeout = errors.New("install.timeout")
	ErrWaitTimeout    = errors.New("timeout of wait_for")
)

// Phase is the phase of an installation that has begun and not ended. It is stored with the guest on its host, so that it is
// known even after an interrupted apply.
type Phase string

// Phases of an installation.
const (
	PhaseNone       Phase = ""
	PhaseDue        Phase = "due"        // it has not begun yet
	PhaseInstalling Phase = "installing" // the guest was started
	PhaseFailed     Phase = "failed"     // the console showed it; the guest may still run
)

// Next is the next phase of an interrupted installation. The installation resumes if the guest is still installing, has ended
// if the guest has shut down by itself since, and begins again if it ended in another way.
func (p Phase) Next(installing, shutDown bool) Phase {
	switch {
	case p == PhaseNone || p == PhaseFailed:
		return PhaseDue
	case installing:
		return PhaseInstalling
	case p == PhaseInstalling && shutDown:
		return PhaseNone
	default:
		return PhaseDue
	}
}

// End is how a guest's run ended.
type End int

// Ends of a run.
const (
	EndUnknown   End = iota
	EndShutdown      // by itself: the host does not distinguish a reboot from a power-off
	EndReboot        // it rebooted
	EndPowerOff      // it powered off
	EndDestroyed     // it was ended from the host
	EndCrashed       // it crashed
)

// Installation is what was observed of a guest's installation.
type Installation struct {
	Until   string        // UntilReboot, UntilShutdown or UntilEither
	Timeout string        // as the user writes it
	Ended   bool          // the guest's run has ended
	End     End           // how it ended
	Cause   error         // why the wait ended, if the guest's run has not ended
	Console *boot.Failure // how the console ended; nil if it has not ended
	Begun   bool          // this run started the guest, and has seen its console from the beginning
}

// Verdict is nil if the guest is installed. Otherwise it is an error that says what happened instead.
func (i Installation) Verdict() error {
	switch {
	case i.FailedOnConsole() && i.Ended:
		return i.Console
	case i.FailedOnConsole():
		return fmt.Errorf("%w\n\nThe guest was not stopped, so that its console can be looked at. The next apply stops it, and installs it again", i.Console)
	case !i.Ended && errors.Is(i.Cause, ErrInstallTimeout):
		return i.withConsole(fmt.Errorf("the installation has not ended with a %s within %w, %s", ways[i.Until], i.Cause, i.Timeout))
	case !i.Ended:
		return i.withConsole(fmt.Errorf("the wait for the installation has ended (%w)", i.Cause))
	case i.endedAsWanted() && i.sawAll() && len(i.Console.Missing) > 0:
		return i.withConsole(errors.New("the installer has ended, but its console did not show what install.expect wants"))
	case i.endedAsWanted():
		return nil
	default:
		return i.withConsole(errors.New(i.failure()))
	}
}

// ways are the ends that Until names, for messages.
var ways = map[string]string{UntilReboot: "reboot", UntilShutdown: "shutdown", UntilEither: "reboot or a shutdown"}

// FailedOnConsole tells whether the console showed that the installation has failed, whatever the guest does next.
func (i Installation) FailedOnConsole() bool {
	if i.Console == nil {
		return false
	}
	switch i.Console.Reason {
	case boot.GaveUp, boot.Panicked, boot.Forbidden:
		return true
	default:
		return false
	}
}

// sawAll tells whether the whole console was seen. Another client may have opened it, and an earlier run may have seen the first part.
func (i Installation) sawAll() bool {
	return i.Begun && i.Console != nil && i.Console.Reason == boot.Ended && i.Console.Err == nil
}

// Unseen are the patterns of which it is not known whether the console showed them.
func (i Installation) Unseen() []string {
	if i.sawAll() || i.Console == nil {
		return nil
	}
	return i.Console.Missing
}

// endedAsWanted tells whether the guest ended as install.until says. If a guest ended by itself, the host may not report how.
func (i Installation) endedAsWanted() bool {
	return i.End == EndShutdown || i.End == EndReboot && i.Until != UntilShutdown || i.End == EndPowerOff && i.Until != UntilReboot
}

// failure says how the guest ended instead, and what to do about it.
func (i Installation) failure() string {
	switch i.End {
	case EndReboot:
		return `the guest rebooted, but install.until = "shutdown" waits for it to power off. The guest was not started again. Configure the installer to power off, or set install.until = "reboot"`
	case EndPowerOff:
		return `the guest powered off, but install.until = "reboot" waits for it to reboot. Configure the installer to reboot, or set install.until = "shutdown"`
	case EndDestroyed:
		return "the guest was destroyed or reset from the host while it was installing, for example with virsh"
	case EndCrashed:
		if !i.mayHaveRebooted() {
			return "the guest crashed while it was installing"
		}
		return "the guest crashed while it was installing, or rebooted: emulation (TCG) reports the way in which Linux reboots an s390x guest as a crash, " +
			"unless the guest writes 1 to /sys/firmware/reipl/ccw/clear before. To avoid this, configure the installer to power off, " +
			`and set install.until = "shutdown"`
	default:
		return "it is not known how the installation ended: the guest was started again without the installation, or libvirt no longer knows how it ended"
	}
}

// withConsole adds the end of the console, if there is one.
func (i Installation) withConsole(err error) error {
	if i.Console == nil {
		return err
	}
	return fmt.Errorf("%w\n\n%w", err, i.Console)
}

// mayHaveRebooted tells whether a reported crash of Linux has no message of a crash on the console. Linux writes to this
// console with a delay, so the last lines before a reboot are missing.
func (i Installation) mayHaveRebooted() bool {
	return i.Console != nil && i.Console.Result.Stage >= boot.StageLinux && !strings.Contains(i.Console.Result.Tail, "Kernel panic")
}
