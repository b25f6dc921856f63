package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// mishap is what befalls a step.
type mishap struct {
	kind string // of mishaps; "" for none
	at   int    // packets are through before it does
}

func (m mishap) String() string { return fmt.Sprintf("%s after %d packets", m.kind, m.at) }

// Kinds of mishaps.
const (
	cutOnce     = "connection cut"
	cutForGood  = "host gone"
	killed      = "libvirtd killed"
	slow        = "slow host"
	refusedCall = "call refused"
	interrupted = "interrupted"
)

// libvirtdDied is counted, and is no mishap that is chosen: about once in 800 lost connections libvirtd 9.0
// crashes of itself.
const libvirtdDied = "libvirtd died"

// anyMishap is one of a step. Those that take long are rare.
func (s *soak) anyMishap(step string) mishap {
	kinds := []string{cutOnce, cutOnce, cutOnce, cutOnce, cutForGood, killed, killed, slow, refusedCall, refusedCall, refusedCall, interrupted, interrupted}
	return mishap{kinds[s.random.IntN(len(kinds))], s.random.IntN(s.packets[step])}
}

// losesAnswers tells whether a call may have been done without an answer.
func (m mishap) losesAnswers() bool {
	return m.kind == cutOnce || m.kind == cutForGood || m.kind == killed
}

// names tells whether a text says that this happened, and to which host.
func (s *soak) names(m mishap, text string) bool {
	switch m.kind {
	case interrupted:
		return strings.Contains(text, "The run was interrupted")
	case refusedCall:
		return strings.Contains(strings.ToLower(text), lab.RefusedText) // which may begin a sentence
	default:
		return strings.Contains(text, "libvirt at "+s.wire.URI)
	}
}

// befalls arms a mishap. Calm ends it, and says how many packets there were, and whether it came to pass.
func (s *soak) befalls(m mishap, interrupt context.CancelFunc) (calm func() (packets int, struck bool)) {
	s.Helper()
	if m.kind == slow {
		s.wire.SetRoundTrip(10 * time.Millisecond)
	}
	packets, struck := 0, false
	restarted := make(chan error, 1)
	s.wire.Judge(func(packet []byte) lab.Fate {
		packets++
		if m.kind == "" || packets <= m.at || struck && m.kind != cutForGood || m.kind == refusedCall && !lab.IsCall(packet) {
			return lab.Passes
		}
		struck = true
		switch m.kind {
		case cutOnce, cutForGood:
			return lab.Cut
		case refusedCall:
			return lab.Refused
		case interrupted:
			interrupt()
		case killed:
			go func() { restarted <- s.killsLibvirtd() }()
		}
		return lab.Passes
	})
	return func() (int, bool) {
		s.Helper()
		s.wire.Judge(nil)
		s.wire.SetRoundTrip(0)
		if m.kind == killed && struck {
			if err := <-restarted; err != nil {
				s.Fatal(err)
			}
		}
		return packets, struck
	}
}

func (s *soak) killsLibvirtd() error {
	host := lab.Shared(s.T)
	if err := host.Kill(s.Context()); err != nil {
		return err
	}
	return host.Restart(s.Context())
}

// revives brings libvirtd back where it has died, and tells whether it had to.
func (s *soak) revives() bool {
	s.Helper()
	host := lab.Shared(s.T)
	if host.Runs() {
		return false
	}
	s.counts[libvirtdDied]++
	s.Logf("libvirtd has died; its log is\n%s", host.Log())
	if err := host.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	return true
}
