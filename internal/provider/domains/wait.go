package domains

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"golang.org/x/sync/errgroup"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/boot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// waiter waits for what a guest becomes after its start.
type waiter struct {
	*domainResource
	guest  domainModel
	want   waitForModel
	leases *newLeases

	agent     happening // the guest agent is connected
	cloudInit happening // cloud-init has written to the console that it has finished
	warning   string    // of cloud-init, which has ended

	ctx     context.Context // ends with the first wait that fails, or with the guest
	fail    context.CancelCauseFunc
	guards  sync.WaitGroup
	console *boot.Failure // what the console has shown; read after guards
}

// happening is something that happens once, and that several goroutines wait for.
type happening struct {
	once sync.Once
	done chan struct{}
}

func newHappening() happening { return happening{done: make(chan struct{})} }

func (h *happening) now() { h.once.Do(func() { close(h.done) }) }

// happened tells whether it has happened.
func (h *happening) happened() bool {
	select {
	case <-h.done:
		return true
	default:
		return false
	}
}

// newWaiter must be called before the guest starts, because it remembers the leases from before.
func (r *domainResource) newWaiter(ctx context.Context, m domainModel, want waitForModel) *waiter {
	w := &waiter{
		domainResource: r, guest: m, want: want,
		agent: newHappening(), cloudInit: newHappening(),
	}
	w.leases = &newLeases{
		read:     func(ctx context.Context) ([]virt.LeasedAddress, error) { return r.Host.LeasedAddresses(ctx, w.name()) },
		netboots: m.netboots(ctx),
		outdated: make(chan struct{}, 1),
	}
	if want.Address != nil && w.source() == virt.FromLeases {
		w.leases.remember(ctx)
	}
	return w
}

func (w *waiter) name() string { return w.guest.Name.ValueString() }

func (w *waiter) source() virt.AddressSource {
	return virt.AddressSource(w.guest.AddressesFrom.ValueString())
}

// await waits for everything at the same time. It returns when everything is there, or as soon as something of it can no longer
// come. The consoles are two readers of the guest's console.
func (w *waiter) await(ctx context.Context, consoles []*io.PipeReader) error {
	w.ctx, w.fail = context.WithCancelCause(ctx)
	w.guards.Go(func() { w.followConsole(consoles[0]) })
	w.guards.Go(func() { w.readCloudInit(consoles[1]) })
	w.guards.Go(w.watchRun)
	var group errgroup.Group
	for _, goal := range w.goals() {
		group.Go(func() error { return w.reach(goal) })
	}
	err := group.Wait()
	w.fail(nil)
	w.guards.Wait()
	return w.withConsole(context.WithoutCancel(ctx), err)
}

// readersOfWaiter is how many readers of the console await needs.
const readersOfWaiter = 2

// awaitChecked is await with a boot check at the same time, for which there is one more reader of the console. If the check fails, the
// waits end, and the other way round. The failure of the check says more about a boot that fails.
func (w *waiter) awaitChecked(ctx context.Context, check bootCheckModel, consoles []*io.PipeReader) (result bootResultModel, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	var checked sync.WaitGroup
	checked.Go(func() {
		result, failed = check.watch(ctx, consoles[readersOfWaiter])
		_ = consoles[readersOfWaiter].Close()
		if failed != nil {
			cancel()
		}
	})
	err = w.await(ctx, consoles[:readersOfWaiter])
	if err != nil {
		cancel()
	}
	checked.Wait()
	var failure *boot.Failure
	if errors.As(failed, &failure) && failure.Reason != boot.Cancelled {
		return result, failed
	}
	return result, err
}

// goal is something that is waited for.
type goal struct {
	attribute string
	timeout   string
	until     func(context.Context) error
	missing   func() string // what the guest does not have, after the timeout
}

func (w *waiter) goals() (goals []goal) {
	if want := w.want.Address; want != nil {
		a := &addressWait{waiter: w}
		goals = append(goals, goal{"address", want.Timeout, a.await, a.missing})
	}
	if want := w.want.Agent; want != nil {
		goals = append(goals, goal{"agent", want.Timeout, w.awaitAgent, w.missingAgent})
	}
	if want := w.want.CloudInit; want != nil {
		c := &cloudInitWait{waiter: w}
		goals = append(goals, goal{"cloud_init", want.Timeout, c.await, c.missing})
	}
	if want := w.want.Port; want != nil {
		p := &portWait{waiter: w, tried: map[netip.Addr]bool{}, answered: newHappening()}
		goals = append(goals, goal{"port", want.Timeout, p.await, p.missing})
	}
	return goals
}

// waitError is why a wait failed.
type waitError struct {
	at    path.Path
	cause error
}

func (e *waitError) Error() string { return e.cause.Error() }

func (e *waitError) Unwrap() error { return e.cause }

// waitTimeout is the error of a wait that took too long.
type waitTimeout struct{ text string }

func (e *waitTimeout) Error() string { return e.text }

// Unwrap also says to who follows the console that it is a timeout, and no interruption.
func (e *waitTimeout) Unwrap() []error {
	return []error{netboot.ErrWaitTimeout, context.DeadlineExceeded}
}

// reach waits for a goal. If that fails, the other waits end as well, and all of them return the first error.
func (w *waiter) reach(g goal) error {
	timeout, err := time.ParseDuration(g.timeout)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(w.ctx, timeout, netboot.ErrWaitTimeout)
	defer cancel()
	err = g.until(ctx)
	switch {
	case err == nil:
		return nil
	case context.Cause(ctx) == netboot.ErrWaitTimeout:
		err = &waitTimeout{fmt.Sprintf("after %v, %s", timeout, g.missing())}
	}
	w.fail(&waitError{path.Root("wait_for").AtName(g.attribute), err})
	return context.Cause(w.ctx)
}

// withConsole adds to an error what the console has shown, and what explains it on the host.
func (w *waiter) withConsole(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var failed *waitError
	if !errors.As(err, &failed) { // the run was interrupted
		failed = &waitError{path.Root("wait_for"), err}
	}
	if w.console.Reason != boot.Cancelled {
		w.console.Facts = w.bootFacts(ctx, w.guest, w.console.Result)
	}
	return &waitError{failed.at, fmt.Errorf("%w\n%s", failed.cause, w.console.Evidence())}
}

// guestFails ends all waits, because of what happened to the guest.
func (w *waiter) guestFails(format string, values ...any) {
	w.fail(&waitError{path.Root("wait_for"), fmt.Errorf(format, values...)})
}

// followConsole ends the waits if the firmware gives up or Linux panics. The end of the console says nothing about the guest:
// another client may have opened the console.
func (w *waiter) followConsole(console *io.PipeReader) {
	w.console = boot.Follow(w.ctx, console, boot.Expectation{Reached: w.leases.reached})
	_ = console.Close()
	if w.console.Reason == boot.GaveUp || w.console.Reason == boot.Panicked {
		w.guestFails("the boot failed: %s", w.console.Headline())
	}
}

// watchRun reports the guest agent, and ends the waits if the guest ends.
func (w *waiter) watchRun() {
	for {
		run, err := patiently(w.ctx, func() (*virt.Run, error) { return w.Host.WatchRun(w.ctx, w.name()) })
		if err != nil {
			w.guestFails("the guest can no longer be watched: %w", err)
			return
		}
		ending, ended := w.followRun(run)
		run.Leave()
		switch {
		case !ended:
			return
		case ending.Err == nil:
			w.guestFails("the guest %s", howEnded(ending.How))
			return
		}
	}
}

// howEnded is how a guest ended, as a predicate.
func howEnded(how virt.End) string {
	if how == virt.EndDestroyed {
		return "was ended " + how.String()
	}
	return "ended " + how.String()
}

// followRun returns how a run ended, or that the waits ended before it.
func (w *waiter) followRun(run *virt.Run) (ending virt.Ending, ended bool) {
	for {
		select {
		case <-run.Agent:
			w.agent.now()
		case ending := <-run.Ended:
			return ending, true
		case <-w.ctx.Done():
			return virt.Ending{}, false
		}
	}
}

func (w *waiter) awaitAgent(ctx context.Context) error {
	select {
	case <-w.agent.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *waiter) missingAgent() string {
	return "the guest agent is not connected. Check that qemu-guest-agent is installed in the guest, and that it runs"
}
