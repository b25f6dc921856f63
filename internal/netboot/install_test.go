package netboot

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
)

func TestPhase(t *testing.T) {
	for _, test := range []struct {
		noted                Phase
		installing, shutDown bool
		want                 Phase
	}{
		{PhaseNone, false, true, PhaseDue},
		{PhaseDue, false, true, PhaseDue}, // killed before the start: that it is shut off means nothing
		{PhaseDue, true, false, PhaseInstalling},
		{PhaseInstalling, true, false, PhaseInstalling},
		{PhaseInstalling, false, true, PhaseNone},
		{PhaseInstalling, false, false, PhaseDue},
		{PhaseFailed, true, false, PhaseDue}, // the installer still runs, and waits for an answer
		{PhaseFailed, false, true, PhaseDue},
	} {
		if got := test.noted.Next(test.installing, test.shutDown); got != test.want {
			t.Errorf("%q installing %v, shut down %v: got %q, want %q", test.noted, test.installing, test.shutDown, got, test.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	console := func(stage boot.Stage, tail string) *boot.Failure {
		return &boot.Failure{Reason: boot.Ended, Result: boot.Result{Stage: stage, Tail: tail}}
	}
	for _, test := range []struct {
		until string
		end   End
		last  *boot.Failure
		want  string // "" for installed
	}{
		{UntilReboot, EndReboot, nil, ""},
		{UntilShutdown, EndPowerOff, nil, ""},
		{UntilReboot, EndShutdown, nil, ""},
		{UntilReboot, EndPowerOff, nil, "waits for it to reboot"},
		{UntilShutdown, EndReboot, console(boot.StageLinux, "last words"), "last words"},
		{UntilReboot, EndDestroyed, nil, "from the host"},
		{UntilReboot, EndCrashed, console(boot.StageLinux, "Kernel panic"), "the guest crashed while it was installing\n"},
		{UntilReboot, EndCrashed, console(boot.StageLinux, ""), "or rebooted: emulation"},
		{UntilReboot, EndUnknown, nil, "it is not known how"},
		{UntilReboot, EndShutdown, &boot.Failure{Reason: boot.GaveUp}, "the firmware gave up"},
		{UntilEither, EndReboot, nil, ""},
		{UntilEither, EndPowerOff, nil, ""},
		{UntilEither, EndDestroyed, nil, "from the host"},
		{UntilShutdown, EndPowerOff, &boot.Failure{Reason: boot.Ended}, ""},
		{UntilShutdown, EndPowerOff, &boot.Failure{Reason: boot.Ended, Missing: []string{"done"}}, `did not show what install.expect wants

the console ended`},
		{UntilShutdown, EndPowerOff, &boot.Failure{Reason: boot.Ended, Missing: []string{"done"}, Err: errors.New("taken")}, ""}, // nobody knows
		{UntilShutdown, EndPowerOff, &boot.Failure{Reason: boot.Forbidden, Forbidden: "failed"}, `the console showed "failed", which is forbidden`},
	} {
		err := Installation{Until: test.until, Ended: true, End: test.end, Console: test.last, Begun: true}.Verdict()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v until %s: got %v, want %q", test.end, test.until, err, test.want)
		}
	}
}

// TestUnseen checks what is not known of a good end.
func TestUnseen(t *testing.T) {
	missing := &boot.Failure{Reason: boot.Ended, Missing: []string{"done"}}
	joined := Installation{Until: UntilShutdown, Ended: true, End: EndPowerOff, Console: missing}
	if err := joined.Verdict(); err != nil || len(joined.Unseen()) != 1 {
		t.Errorf("got %v, %q of an installation that an earlier run began", err, joined.Unseen())
	}
	joined.Begun = true
	if len(joined.Unseen()) != 0 {
		t.Errorf("got %q of a console that was seen", joined.Unseen())
	}
}

func TestVerdictOfWait(t *testing.T) {
	waits := Installation{Until: UntilShutdown, Console: &boot.Failure{Reason: boot.Forbidden, Forbidden: "a question"}}.Verdict()
	if waits == nil || !strings.Contains(waits.Error(), "The guest was not stopped") {
		t.Error(waits)
	}
	late := Installation{Until: UntilReboot, Timeout: "5m", Cause: ErrInstallTimeout}.Verdict()
	if !errors.Is(late, ErrInstallTimeout) || !strings.Contains(late.Error(), "has not ended with a reboot within install.timeout, 5m") {
		t.Error(late)
	}
	lost := fmt.Errorf("connection lost")
	if err := (Installation{Cause: lost}).Verdict(); !errors.Is(err, lost) {
		t.Error(err)
	}
}
