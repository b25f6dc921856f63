package netboot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
)

// What ends an installation, as install.until says it.
const (
	UntilReboot   = "reboot"
	UntilShutdown = "shutdown"
)

// Errors that end a wait which the user has bounded.
var (
	ErrBootTimeout    = errors.New("boot_check.timeout")
	ErrInstallTimeout = errors.New("install.timeout")
)

// Phase is where an installation is that has begun and not ended. It is noted with the guest on its host, so that an
// apply that is cut off leaves no doubt.
type Phase string

// Phases of an installation.
const (
	PhaseNone       Phase = ""
	PhaseDue        Phase = "due"        // it is to begin
	PhaseInstalling Phase = "installing" // the guest was started
)

// Next is what is to be done about an installation that was cut off: it resumes where the guest still installs, is over
// where the guest has shut down by itself since, and begins again where it ended otherwise.
func (p Phase) Next(installing, shutDown bool) Phase {
	switch {
	case p == PhaseNone:
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
	EndShutdown      // by itself: the host does not tell a reboot from a power-off
	EndReboot        // it rebooted
	EndPowerOff      // it powered off
	EndDestroyed     // somebody on the host ended it
	EndCrashed       // it crashed
)

// Installation is what was seen of a guest's installation.
type Installation struct {
	Until   string        // UntilReboot or UntilShutdown
	Timeout string        // as the user writes it
	Ended   bool          // the guest's run is over, as End says
	End     End           //
	Cause   error         // why it is not waited for any longer, where it has not ended
	Console *boot.Failure // how the console ended; nil where it has not
}

// Verdict is nil for a guest that is installed, or says what became of it instead.
func (i Installation) Verdict() error {
	switch {
	case i.Console != nil && i.Console.Reason == boot.GaveUp:
		return i.Console
	case !i.Ended && errors.Is(i.Cause, ErrInstallTimeout):
		return i.withConsole(fmt.Errorf("the guest has not ended with a %s within %w, %s", i.Until, i.Cause, i.Timeout))
	case !i.Ended:
		return i.withConsole(fmt.Errorf("the installation is not waited for any longer (%w)", i.Cause))
	case i.endedAsWanted():
		return nil
	default:
		return i.withConsole(errors.New(i.failure()))
	}
}

// endedAsWanted tells whether the guest ended as an installation does. Of a guest that ended by itself, the host may not
// say how.
func (i Installation) endedAsWanted() bool {
	return i.End == EndShutdown || i.End == EndReboot && i.Until == UntilReboot || i.End == EndPowerOff && i.Until == UntilShutdown
}

// failure says how the guest ended instead, and what to do.
func (i Installation) failure() string {
	switch i.End {
	case EndReboot:
		return `the guest rebooted, and install.until = "shutdown" waits for it to power off. It was not started again. Tell the installer to power off, or set install.until = "reboot"`
	case EndPowerOff:
		return `the guest powered off, and install.until = "reboot" waits for it to reboot. Tell the installer to reboot, or set install.until = "shutdown"`
	case EndDestroyed:
		return "the guest was ended, or reset, from the host while it installed: by somebody with virsh, for example"
	case EndCrashed:
		if !i.mayHaveRebooted() {
			return "the guest crashed while it installed"
		}
		return "the guest crashed while it installed, or rebooted: emulation (TCG) takes the way in which Linux reboots an s390x guest for a crash, " +
			"unless the guest writes 1 to /sys/firmware/reipl/ccw/clear before. An installer that powers off has no such trouble: " +
			`tell it to, and set install.until = "shutdown"`
	default:
		return "it is not known how the installation ended: somebody has started the guest without it, or libvirt has forgotten"
	}
}

// withConsole adds the end of the console, where there is one.
func (i Installation) withConsole(err error) error {
	if i.Console == nil {
		return err
	}
	return fmt.Errorf("%w\n\n%w", err, i.Console)
}

// mayHaveRebooted tells whether what looks like a crash of Linux is without the words of one. The last
// words before a reboot do not come: Linux writes to this console with a delay.
func (i Installation) mayHaveRebooted() bool {
	return i.Console != nil && i.Console.Result.Stage >= boot.StageLinux && !strings.Contains(i.Console.Result.Tail, "Kernel panic")
}
