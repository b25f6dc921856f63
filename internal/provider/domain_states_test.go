package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// oddStates are states of a guest in which somebody may press a button.
var oddStates = map[string]struct {
	state  virt.State
	reason virt.Reason
}{
	"running":            {virt.Running, virt.NoReason},
	"paused":             {virt.Paused, virt.WasPaused},
	"paused by an error": {virt.Paused, virt.DiskError},
	"asleep":             {virt.Paused, virt.Asleep},
	"crashed":            {virt.Crashed, virt.HasCrashed},
	"off":                {virt.Off, virt.ShutDown},
}

// stall brings a running guest into a state.
func stall(h interface {
	StallDomain(string, virt.State, virt.Reason)
	EndDomainAs(string, virt.Reason)
}, state virt.State, reason virt.Reason) {
	if state == virt.Off {
		h.EndDomainAs("guest", reason)
		return
	}
	h.StallDomain("guest", state, reason)
}

// TestPower presses each button of a guest in each state: what comes of it is a state, or an error.
func TestPower(t *testing.T) {
	const deaf = "cannot respond"
	wanted := map[string]map[string]string{
		"start":    {"running": "running", "paused": "running", "paused by an error": "running", "asleep": "running", "crashed": "running", "off": "running"},
		"shutdown": {"running": "off", "paused": "off", "paused by an error": "off", "asleep": "off", "crashed": "off", "off": "off"},
		"reboot":   {"running": "running", "paused": deaf, "paused by an error": deaf, "asleep": deaf, "crashed": deaf, "off": "not running"},
		"reset":    {"running": "running", "paused": "paused", "paused by an error": "paused", "asleep": "paused", "crashed": "running", "off": "not running"},
	}
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	for button, states := range wanted {
		for name, want := range states {
			c.must(memoryDomain)
			from := oddStates[name]
			stall(h, from.state, from.reason)
			_, problems := act(t, h, "netboot_domain_power", fmt.Sprintf(`{"domain": "guest", "power": %q}`, button))
			d, _ := h.Domain(t.Context(), "guest")
			got := d.State.String()
			if problems.hasError() {
				got = problems.String()
			}
			if got != want && (!problems.hasError() || !strings.Contains(got, want)) {
				t.Errorf("%s of a guest that is %s: %s, want %s", button, name, got, want)
			}
		}
	}
}

// TestReinstallStates: a guest is installed again whatever it does, and runs after that where it ran.
func TestReinstallStates(t *testing.T) {
	for name, from := range oddStates {
		h := newInstallHost(t)
		c := newCore(t, h, "netboot_domain")
		c.must(memoryInstall)
		stall(h, from.state, from.reason)
		if _, problems := act(t, h, "netboot_domain_reinstall", `{"domain": "guest"}`); problems.hasError() {
			t.Errorf("%s: %v", name, problems)
		}
		wantInstalls(t, h, 2)
		want := virt.Off
		if from.state == virt.Running {
			want = virt.Running
		}
		if d, err := h.Domain(t.Context(), "guest"); err != nil || d.State != want {
			t.Errorf("%s: installed again, the guest is %v (%v), want %v", name, d.State, err, want)
		}
		c.must(memoryInstall)
		runningGuest(t, h)
		wantInstalls(t, h, 2)
		destroys(t, c)
	}
}

// TestApplyStates: the next apply makes a guest run whatever became of it, and one that shall be off is.
func TestApplyStates(t *testing.T) {
	h := newGuestHost(t)
	for name, from := range oddStates {
		c := newCore(t, h, "netboot_domain")
		c.must(memoryDomain)
		stall(h, from.state, from.reason)
		said := c.plan(memoryDomain).problems.String()
		if from.state != virt.Running && !strings.Contains(said, from.reason.String()) {
			t.Errorf("%s: the plan says %s", name, said)
		}
		c.must(memoryDomain)
		if d := runningGuest(t, h); d.State != virt.Running {
			t.Errorf("%s: after the next apply the guest is %v", name, d.State)
		}
		stall(h, from.state, from.reason)
		destroys(t, c)
	}
}
