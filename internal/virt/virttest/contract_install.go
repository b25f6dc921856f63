package virttest

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// installHost is what the cases of installations need of a host.
type installHost interface {
	InstallDomain(ctx context.Context, d virt.Domain) (*virt.Installation, error)
	JoinInstallation(ctx context.Context, name string) (*virt.Installation, error)
	Installing(ctx context.Context, name string) (bool, error)
}

var installChecks = []check{
	{"an installation is a run separate from the definition", func(t *testing.T, s Subject) {
		d := givenWaitingDomain(t, s)
		run, err := s.InstallDomain(t.Context(), bareDomain())
		done(t, "InstallDomain", err)
		wantFirstLine(t, run.Console)
		wantInstalling(t, s, true)
		d.State = virt.Running
		wantDomain(t, s, d)
		if _, err := s.InstallDomain(t.Context(), bareDomain()); err == nil {
			t.Error("InstallDomain of a running domain: no error")
		}
		done(t, "SetNote", s.SetNote(t.Context(), domainName, "while it installs"))
		d.Note = "while it installs"
		wantDomain(t, s, d)
		run.Leave()
		wantInstalling(t, s, true)
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		wantInstalling(t, s, false)
		d.State, d.Reason = virt.Off, virt.ForcedOff
		wantDomain(t, s, d)
	}},
	{"an installation that another user ends", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		run, err := s.InstallDomain(t.Context(), bareDomain())
		done(t, "InstallDomain", err)
		defer run.Leave()
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		wantEnding(t, run, virt.EndDestroyed)
		readAll(t, run.Console)
	}},
	{"an installation is joined", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		first, err := s.InstallDomain(t.Context(), bareDomain())
		done(t, "InstallDomain", err)
		first.Leave()
		second, err := s.JoinInstallation(t.Context(), domainName)
		done(t, "JoinInstallation", err)
		defer second.Leave()
		done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		wantEnding(t, second, virt.EndDestroyed)
		readAll(t, second.Console)
	}},
	{"an installation is joined too late", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		for state, want := range map[virt.State]virt.End{virt.Off: virt.EndDestroyed, virt.Running: virt.EndUnknown} {
			done(t, "StartDomain", s.StartDomain(t.Context(), domainName))
			wantInstalling(t, s, false)
			if state == virt.Off {
				done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
			}
			run, err := s.JoinInstallation(t.Context(), domainName)
			done(t, "JoinInstallation", err)
			wantEnding(t, run, want)
			if text, err := io.ReadAll(run.Console); err != nil || len(text) > 0 {
				t.Errorf("its console shows %q, %v", text, err)
			}
			run.Leave()
			done(t, "KillDomain", s.KillDomain(t.Context(), domainName))
		}
	}},
	{"an installation without its network stays off", func(t *testing.T, s Subject) {
		d := fullDomain(t, s)
		givenDomain(t, s, d)
		if _, err := s.InstallDomain(t.Context(), bareDomain()); err == nil {
			t.Error("InstallDomain: no error although a network is missing")
		}
		wantState(t, s, virt.Off)
	}},
	{"an installation of a domain that does not exist", func(t *testing.T, s Subject) {
		_, err := s.InstallDomain(t.Context(), bareDomain())
		refused(t, "InstallDomain", err, virt.ErrNotFound)
		_, err = s.JoinInstallation(t.Context(), domainName)
		refused(t, "JoinInstallation", err, virt.ErrNotFound)
		_, err = s.Installing(t.Context(), domainName)
		refused(t, "Installing", err, virt.ErrNotFound)
	}},
	{"an installation ends with its context, and the guest keeps running", func(t *testing.T, s Subject) {
		givenWaitingDomain(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		run, err := s.InstallDomain(ctx, bareDomain())
		done(t, "InstallDomain", err)
		defer run.Leave()
		wantFirstLine(t, run.Console)
		cancel()
		_, err = io.ReadAll(run.Console)
		refused(t, "Read after the context", err, context.Canceled)
		wantInstalling(t, s, true)
	}},
}

func wantInstalling(t *testing.T, s Subject, want bool) {
	t.Helper()
	installing, err := s.Installing(t.Context(), domainName)
	done(t, "Installing", err)
	if installing != want {
		t.Errorf("Installing is %v", installing)
	}
}

func wantEnding(t *testing.T, run *virt.Installation, want virt.End) {
	t.Helper()
	select {
	case ending := <-run.Ended:
		if ending.Err != nil || ending.How != want {
			t.Errorf("it ended %v, %v; want %v", ending.How, ending.Err, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not end")
	}
}
