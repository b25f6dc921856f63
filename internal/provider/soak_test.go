package provider

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// NETBOOT_SOAK_CYCLES in the environment says how long to soak, NETBOOT_SOAK_SEED with which seed in the
// place of the random one.
const (
	fixedSoakSeed = 390
	soakCycles    = 4
)

// TestSoak applies, changes and destroys again and again, while mishaps of random kinds befall the way
// to libvirtd at random moments. After each of them an apply or a destroy without one mends everything,
// after each destroy nothing is left, and nothing piles up in the process. A seed says which mishaps there
// are, and when; what goes on side by side at that moment is the machine's to say. It needs no CLI, so it runs
// once for both.
func TestSoak(t *testing.T) {
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("it needs a host, and runs only with %s set", resource.EnvTfAcc)
	}
	cycles := soakNumber(t, "NETBOOT_SOAK_CYCLES", soakCycles)
	t.Run("fixed seed", func(t *testing.T) { newSoak(t, fixedSoakSeed).run(cycles) })
	t.Run("random seed", func(t *testing.T) { newSoak(t, soakNumber(t, "NETBOOT_SOAK_SEED", rand.Uint64())).run(cycles) })
}

func soakNumber(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return number
}

// soak is a host at the end of a wire, and what is made there.
type soak struct {
	*testing.T
	random  *rand.Rand
	wire    *lab.Wire
	files   soakFiles
	stages  [][]*soaked    // what is in a stage refers to what is in those before
	before  string         // what the host has beside
	packets map[string]int // that a step takes, by its name
	counts  map[string]int // of what happened

	atRest, inRun used // of the process, between two runs and while a provider is there that has nothing to do
}

// used is what may leak.
type used struct{ goroutines, files int }

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	t.Logf("NETBOOT_SOAK_SEED=%d", seed)
	t.Setenv("TMPDIR", t.TempDir())
	wire, err := lab.NewWire(lab.Shared(t), fmt.Sprintf("soak-%d", wires.Add(1)), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	accPool(t)
	return &soak{
		T: t, random: rand.New(rand.NewPCG(seed, 0)), wire: wire, files: newSoakFiles(t), before: inventory(t),
		packets: map[string]int{}, counts: map[string]int{},
	}
}

// run soaks. A cycle without mishaps comes first, which shows how many packets a step takes, and what the
// process has open meanwhile.
func (s *soak) run(cycles uint64) {
	s.Helper()
	begin := time.Now()
	s.cycle(func(string) mishap { return mishap{} })
	s.atRest = usedNow()
	s.inRun = s.usedInRun()
	for n := uint64(1); n <= cycles && !s.Failed(); n++ {
		began := time.Now()
		s.cycle(s.anyMishap)
		s.Logf("cycle %d took %v", n, time.Since(began).Round(time.Millisecond))
	}
	if died := s.counts[libvirtdDied]; died > 1+int(cycles)/100 {
		s.Errorf("libvirtd died %d times", died)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		s.Errorf("temporary files are left: %v (%v)", left, err)
	}
	s.Logf("%d cycles took %v: %v", cycles, time.Since(begin).Round(time.Second), s.counts)
}

// cycle makes all, changes it, and destroys it.
func (s *soak) cycle(befalls func(step string) mishap) {
	s.Helper()
	s.stages = s.objects()
	for version, step := range []string{"apply", "change"} {
		s.step(step, befalls(step), func() problems { return s.apply(version) })
		s.isTrue(version)
	}
	s.step("destroy", befalls("destroy"), s.destroy)
	if after := inventory(s.T); after != s.before {
		s.Errorf("left on the host after destroy:\n%s\nbefore it was:\n%s", after, s.before)
	}
	expect(s.T, hostAbsent(s.T, "/srv/soak"))
}

// step does something while there is a mishap, and where that fails, again without one.
func (s *soak) step(name string, m mishap, do func() problems) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	calm := s.befalls(m, cancel)
	begin := time.Now()
	found := s.during(ctx, do)
	took := time.Since(begin)
	packets, struck := calm()
	s.Logf("%s (%v) took %v, and to calm down %v", name, m, took.Round(time.Millisecond), (time.Since(begin) - took).Round(time.Millisecond))
	if m.kind == "" {
		s.packets[name] = packets
	}
	if struck {
		s.counts[m.kind]++
	}
	if !found.hasError() {
		return
	}
	s.Logf("%s, %v: %v", name, m, strings.ReplaceAll(strings.TrimSpace(found.String()), "\n", "\n\t"))
	if !struck {
		s.Fatal("nothing befell it, and it failed")
	}
	s.counts[m.kind+" failed"]++
	for _, p := range found {
		if p.Severity == tfprotov6.DiagnosticSeverityError && (!strings.HasPrefix(p.Summary, "Unable to ") || !s.names(m, p.Detail)) {
			s.Errorf("the error does not say what failed, or why")
		}
	}
	s.mend(m, do)
}

// mend does a step again, as the errors said to. Only where the answer to a call may not have come is there
// something to import.
func (s *soak) mend(m mishap, do func() problems) {
	s.Helper()
	for range len(slices.Concat(s.stages...)) {
		found := s.during(s.Context(), func() problems {
			for _, o := range slices.Concat(s.stages...) {
				if o.state.IsNull() && strings.Contains(o.problems.String(), "terraform import ADDRESS "+o.id+" ") && m.losesAnswers() {
					s.counts["imported"]++
					s.takeOver(o)
				}
			}
			return do()
		})
		switch {
		case !found.hasError():
			return
		case m.losesAnswers() && s.revives():
			continue
		case m.kind == killed && strings.Contains(found.String(), "pkill -f dnsmasq/soak.conf"):
			s.endHalfStarted(found.String())
		case !strings.Contains(found.String(), "terraform import ADDRESS ") || !m.losesAnswers():
			s.Fatalf("after %v it is not mended by another one: %v", m, found)
		}
	}
	s.Fatal("there is no end of what is to be imported")
}

// takeOver imports what the host has, or removes, as the error says, what it had just begun to make.
func (s *soak) takeOver(o *soaked) {
	s.Helper()
	found := o.tryImport(o.id)
	switch {
	case !found.hasError():
	case strings.Contains(found.String(), "virsh vol-delete soak --pool acc"):
		s.counts["begun"]++
		_, _ = lab.Shared(s.T).Virsh(s.Context(), "vol-delete", "soak", "--pool", "acc") // which fails while it is being made
	default:
		s.Fatalf("import: %v", found)
	}
}

// endHalfStarted ends what a libvirtd has left that was killed within the few milliseconds of
// TestAccNetworkHalfStarted, as the error says.
func (s *soak) endHalfStarted(problem string) {
	s.Helper()
	s.counts["half started"]++
	lab.Shared(s.T).EndDnsmasq(s.Context(), "soak")
	if bridge := usedBy.FindStringSubmatch(problem); bridge != nil { // libvirt 11.3 has removed it
		onLab(s.T, "ip", "link", "delete", bridge[1])
	}
}

var usedBy = regexp.MustCompile(`already in use by interface (\w+)`)

// isTrue holds that there is nothing left to do, and that the host has what it should.
func (s *soak) isTrue(version int) {
	s.Helper()
	s.during(s.Context(), func() problems {
		return s.each(s.stages, func(o *soaked) problems {
			o.mustBeDone(o.configs[version])
			if err := o.check(version); err != nil {
				s.Errorf("%s: %v", o.kind, err)
			}
			return nil
		})
	})
}

// during does something with a provider of its own, as a CLI does, which leaves nothing in the process,
// neither while it is still there nor when it has ended.
func (s *soak) during(ctx context.Context, do func() problems) problems {
	s.Helper()
	host, err := virt.Open(s.wire.URI)
	if err != nil {
		s.Fatal(err)
	}
	run := newRun(s.T, host)
	for _, o := range slices.Concat(s.stages...) {
		o.run(ctx, run)
	}
	found := do()
	s.settles(s.inRun, 1)
	if err := host.Close(); err != nil {
		s.Logf("the provider's end: %v", err)
	}
	s.settles(s.atRest, 0)
	return found
}

// settles waits until the process has no more than it should.
func (s *soak) settles(most used, connections int) {
	s.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		now, open := usedNow(), s.wire.Connections()
		if open <= connections && (most == used{} || now.goroutines <= most.goroutines && now.files <= most.files) {
			return
		}
		if time.Now().After(deadline) {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			s.Fatalf("there are %+v, and %d connections; there should be %+v and %d:\n%s\n%q", now, open, most, connections, &stacks, openFiles())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// usedInRun is what a provider uses that is connected and does nothing.
func (s *soak) usedInRun() used {
	s.Helper()
	host, err := virt.Open(s.wire.URI)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = host.Close() }()
	if _, err := host.Info(s.Context()); err != nil {
		s.Fatal(err)
	}
	return usedNow()
}

func usedNow() used { return used{runtime.NumGoroutine(), len(openFiles())} }

// openFiles are what the process has open.
func openFiles() (names []string) {
	descriptors, _ := filepath.Glob("/proc/self/fd/*")
	for _, descriptor := range descriptors {
		if name, err := os.Readlink(descriptor); err == nil { // but for that of Glob itself, which is closed again
			names = append(names, name)
		}
	}
	return names
}

// apply plans all, and then does it.
func (s *soak) apply(version int) problems {
	found := s.each(s.stages, func(o *soaked) problems {
		o.planned = o.plan(o.configs[version])
		return o.planned.problems
	})
	if found.hasError() {
		return found
	}
	return s.each(s.stages, func(o *soaked) problems { return o.do(o.planned) })
}

func (s *soak) destroy() problems {
	if found := s.each(s.stages, func(o *soaked) problems { return o.refresh() }); found.hasError() {
		return found
	}
	backwards := slices.Clone(s.stages)
	slices.Reverse(backwards)
	return s.each(backwards, func(o *soaked) problems {
		if o.state.IsNull() {
			return nil
		}
		return o.destroy()
	})
}

// each does something with all objects of a stage side by side, and then with those of the next one, unless
// something failed.
func (s *soak) each(stages [][]*soaked, do func(*soaked) problems) (all problems) {
	for _, stage := range stages {
		var group sync.WaitGroup
		for _, o := range stage {
			group.Go(func() { o.problems = do(o) })
		}
		group.Wait()
		for _, o := range stage {
			all = append(all, o.problems...)
		}
		if all.hasError() {
			break
		}
	}
	return all
}
