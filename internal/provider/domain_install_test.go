package provider

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

const memoryInstall = `{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], "disks": [{"volume": "default/disk"}],
	"boot": ["network", "disk"], "install": {"until": "reboot", "timeout": "1m"}, "boot_check": {"expect": ["LOADPARM"]}}`

var (
	memoryReinstall = strings.Replace(memoryInstall, `"boot":`, `"reinstall": "again", "boot":`, 1)
	memoryImpatient = strings.Replace(memoryReinstall, "1m", "200ms", 1)
)

// newInstallHost has a guest that installs in an instant, and reboots.
func newInstallHost(t *testing.T) *virttest.Host {
	t.Helper()
	h := newGuestHost(t)
	h.ScriptInstall("guest", "installed\n", virt.EndReboot)
	return h
}

// wantInstalls checks how often the guest was installed so far.
func wantInstalls(t *testing.T, h *virttest.Host, want int) {
	t.Helper()
	if got := h.Calls("InstallDomain"); got != want {
		t.Errorf("the guest was installed %d times, want %d", got, want)
	}
}

func wantProblem(t *testing.T, problems problems, texts ...string) {
	t.Helper()
	if !says(texts...).MatchString(problems.String()) {
		t.Errorf("it should say %q: %v", texts, problems)
	}
}

func TestInstall(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	wantInstalls(t, h, 1)
	if d := runningGuest(t, h); !slices.Equal(d.Boot, []string{virt.BootDisk}) {
		t.Errorf("the host has %+v", d)
	}
	c.imports("guest")
	c.mustBeDone(memoryInstall)
	c.must(strings.Replace(memoryInstall, "1m", "2m", 1))
	c.must(strings.Replace(memoryInstall, "512MiB", "1GiB", 1))
	h.EndDomain("guest")
	c.must(memoryInstall)
	wantInstalls(t, h, 1)

	wantProblem(t, c.plan(memoryReinstall).problems, `Domain "guest" will be installed again`, "The installer can overwrite its disks")
	c.must(memoryReinstall)
	wantInstalls(t, h, 2)
	c.imports("guest")
	c.mustBeDone(memoryReinstall)
	c.must(memoryInstall) // without reinstall there is nothing to install again
	off := strings.Replace(memoryReinstall, "{", `{"running": false, `, 1)
	c.must(strings.Replace(off, "again", "once more", 1))
	wantInstalls(t, h, 3)
	if d, err := h.Domain(t.Context(), "guest"); err != nil || d.State != virt.Off {
		t.Errorf("the guest is %v (%v)", d.State, err)
	}
	destroys(t, c)
}

// TestInstallOfWhatIsThere holds that to add install to a guest overwrites nothing.
func TestInstallOfWhatIsThere(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryDomain)
	c.must(memoryInstall)
	wantInstalls(t, h, 0)
	if d := runningGuest(t, h); !slices.Equal(d.Boot, []string{virt.BootDisk}) {
		t.Errorf("the host has %+v", d)
	}
	c.must(memoryReinstall)
	wantInstalls(t, h, 1)
	c.must(memoryDomain)
	if d := runningGuest(t, h); !slices.Equal(d.Boot, []string{virt.BootNetwork}) {
		t.Errorf("the host has %+v", d)
	}
}

// TestInstallDrift holds that a guest which somebody made boot from the network again is seen, although
// that is what the configuration says in its own way.
func TestInstallDrift(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	for _, order := range [][]string{{virt.BootNetwork, virt.BootDisk}, {virt.BootNetwork}} {
		d := runningGuest(t, h)
		d.Boot = order
		if err := h.RedefineDomain(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if plan := c.plan(memoryInstall); plan.state.Equal(c.state) {
			t.Errorf("boot order %q is not seen", order)
		}
		c.must(memoryInstall)
		if d := runningGuest(t, h); !slices.Equal(d.Boot, []string{virt.BootDisk}) {
			t.Errorf("the host has %+v", d)
		}
	}
	wantInstalls(t, h, 1)
}

func TestInstallEnds(t *testing.T) {
	shutdown := strings.Replace(memoryInstall, `"until": "reboot"`, `"until": "shutdown"`, 1)
	const gaveUp = "Network boot device detected\nFailed to load OS from network\n"
	for _, test := range []struct {
		config, console string
		end             virt.End
		says            []string
	}{
		{memoryInstall, "", virt.EndReboot, nil},
		{shutdown, "", virt.EndPowerOff, nil},
		{memoryInstall, "", virt.EndShutdown, nil}, // a host that does not say which
		{shutdown, "", virt.EndShutdown, nil},
		{memoryInstall, "", virt.EndPowerOff, []string{`The guest powered off, but install.until = "reboot" waits for it to reboot`}},
		{shutdown, "last words", virt.EndReboot, []string{`The guest rebooted, but install.until = "shutdown" waits for it to power off`, "| last words"}},
		{memoryInstall, "last words", virt.EndDestroyed, []string{"destroyed or reset from the host", "| last words"}},
		{memoryInstall, "Linux version 6.1\nKernel panic - not syncing", virt.EndCrashed, []string{"Linux panicked", "| Kernel panic"}},
		{memoryInstall, "Linux version 6.1\n", virt.EndCrashed, []string{"The guest crashed while it was installing, or rebooted", "emulation", `install.until = "shutdown"`}},
		{memoryInstall, gaveUp, virt.EndCrashed, []string{"The firmware gave up", "Meaning:", "Remedy:", "| Failed to load OS"}},
	} {
		h := newGuestHost(t)
		h.ScriptInstall("guest", test.console, test.end)
		c := newCore(t, h, "netboot_domain")
		problems := c.apply(test.config)
		if test.says == nil && problems.hasError() {
			t.Errorf("%v: %v", test.end, problems)
		}
		if test.says != nil {
			wantProblem(t, problems, append([]string{"install", `Unable to install domain "guest"`}, test.says...)...)
			if !c.tainted || h.Calls("BootDomain") > 0 {
				t.Errorf("%v: tainted is %v, and the guest was booted %d times", test.end, c.tainted, h.Calls("BootDomain"))
			}
		}
	}
}

// TestInstallSays judges installations by what the installer's console shows.
func TestInstallSays(t *testing.T) {
	judged := strings.Replace(memoryInstall, `"until": "reboot"`, `"until": "either", "expect": ["^Installation complete (.*)$"], "forbid": ["failed", "question"]`, 1)
	for what, test := range map[string]struct {
		console string
		end     virt.End
		says    []string
	}{
		"a good end":           {"Linux version 6.1\nInstallation complete now\n", virt.EndPowerOff, nil},
		"another good end":     {"Installation complete now\n", virt.EndReboot, nil},
		"nothing was said":     {"Linux version 6.1\nbye\n", virt.EndPowerOff, []string{"The installer has ended, but its console did not show what install.expect wants", `Not seen on the console: "^Installation complete`, "| bye"}},
		"it failed, and ended": {"mke2fs failed\n", virt.EndPowerOff, []string{`The console showed "failed", which is forbidden`, "| mke2fs failed"}},
		"it asks":              {"a question:", virt.EndUnknown, []string{`The console showed "question", which is forbidden`, "The guest was not stopped"}},
		"it panics":            {"Linux version 6.1\n[    1.0] Kernel panic - not syncing: no init\n", virt.EndUnknown, []string{"Linux panicked", "The guest was not stopped"}},
	} {
		t.Run(what, func(t *testing.T) {
			h := newGuestHost(t)
			c := newCore(t, h, "netboot_domain")
			h.ScriptInstall("guest", "Installation complete 1\n", virt.EndReboot)
			c.must(judged)
			h.ScriptInstall("guest", test.console, test.end)
			again := strings.Replace(judged, `"boot":`, `"reinstall": "again", "boot":`, 1)
			problems := c.apply(again)
			if test.says == nil {
				if problems.hasError() {
					t.Fatal(problems)
				}
				c.imports("guest")
				c.mustBeDone(again)
				return
			}
			wantProblem(t, problems, append([]string{`Unable to install domain "guest"`}, test.says...)...)
			wantProblem(t, c.plan(again).problems, `The installation of domain "guest" is not complete`, "stops the guest, and installs it again")
			h.ScriptInstall("guest", "Installation complete 2\n", virt.EndPowerOff)
			c.must(again) // and does not wait for the installer that failed
			wantInstalls(t, h, 3)
			c.mustBeDone(again)
		})
	}
}

// TestInstallResumedUnseen resumes an installation whose console was not seen from the beginning.
func TestInstallResumedUnseen(t *testing.T) {
	judged := strings.NewReplacer(`"until": "reboot"`, `"until": "reboot", "expect": ["complete"]`).Replace(memoryInstall)
	again := strings.Replace(judged, `"boot":`, `"reinstall": "again", "boot":`, 1)
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	h.ScriptInstall("guest", "complete\n", virt.EndReboot)
	c.must(judged)
	h.ScriptInstall("guest", "complete\n", virt.EndUnknown)
	wantProblem(t, c.apply(strings.Replace(again, "1m", "200ms", 1)), "within install.timeout")
	h.EndInstall("guest", virt.EndReboot)
	problems := c.apply(again)
	if problems.hasError() {
		t.Fatal(problems)
	}
	wantProblem(t, problems, `The installation of domain "guest" was not checked completely`, "complete")
	wantInstalls(t, h, 2)
}

// TestInstallBootsNothing says what the installer said if the disk does not boot after it.
func TestInstallBootsNothing(t *testing.T) {
	h := newGuestHost(t)
	c := newCore(t, h, "netboot_domain")
	h.ScriptInstall("guest", "mke2fs: no such disk\n", virt.EndReboot)
	h.Script("guest", "LOADPAR\nNo zIPL section in IPL2 record.\n", true)
	wantProblem(t, c.apply(memoryInstall), `Unable to boot domain "guest"`, "this apply installed the guest, and its installer ended by itself", "| mke2fs: no such disk")
}

// TestInstallIsCutOff cuts an installation off and lets the guest go on in each way that it may.
func TestInstallIsCutOff(t *testing.T) {
	for what, test := range map[string]struct {
		meanwhile func(h *virttest.Host)
		installs  int // by the next apply
	}{
		"still installs":     {func(h *virttest.Host) { go endJoined(h, virt.EndReboot) }, 0},
		"rebooted":           {func(h *virttest.Host) { h.EndInstall("guest", virt.EndReboot) }, 0},
		"was ended":          {func(h *virttest.Host) { h.EndInstall("guest", virt.EndDestroyed) }, 1},
		"crashed":            {func(h *virttest.Host) { h.EndInstall("guest", virt.EndCrashed) }, 1},
		"ended, nobody says": {func(h *virttest.Host) { h.EndInstall("guest", virt.EndUnknown) }, 1},
		"was started": {func(h *virttest.Host) {
			h.EndInstall("guest", virt.EndShutdown)
			_ = h.StartDomain(t.Context(), "guest")
		}, 1},
	} {
		for _, killed := range []bool{false, true} {
			h := newInstallHost(t)
			c := newCore(t, h, "netboot_domain")
			c.must(memoryInstall)
			before := *c
			h.ScriptInstall("guest", "a long tale\n", virt.EndUnknown)
			wantProblem(t, c.apply(memoryImpatient), `Unable to install domain "guest"`, "The installation has not ended with a reboot within install.timeout, 200ms", "| a long tale", "The next apply waits")
			if c.tainted {
				t.Error("a guest that is not new is tainted")
			}
			if killed {
				c = &before // which is what a provider that is killed leaves of the state
			}
			h.ScriptInstall("guest", "", virt.EndReboot)
			test.meanwhile(h)
			wantProblem(t, c.plan(memoryReinstall).problems, `The installation of domain "guest" is not complete`)
			c.must(memoryReinstall)
			wantInstalls(t, h, 2+test.installs)
			c.imports("guest")
			c.mustBeDone(memoryReinstall)
			if t.Failed() {
				t.Fatalf("the guest %s; killed is %v", what, killed)
			}
		}
	}
}

// endJoined ends the guest when somebody waits for it.
func endJoined(h *virttest.Host, how virt.End) {
	for h.Calls("JoinInstallation") == 0 {
		time.Sleep(time.Millisecond)
	}
	h.EndInstall("guest", how)
}

// TestInstallProviderKilled kills the provider at each of its steps: its state is that before, and what
// it has done on the host is there.
func TestInstallProviderKilled(t *testing.T) {
	for what, test := range map[string]struct {
		method   string
		calls    int // that still work
		end      virt.End
		installs int // by the next apply
	}{
		"the guest is not yet shut down":    {"ShutDownDomain", 0, virt.EndReboot, 1},
		"the guest is not yet started":      {"InstallDomain", 0, virt.EndReboot, 2}, // the call that failed is one
		"it is not noted that it installs":  {"SetNote", 0, virt.EndUnknown, 1},
		"it is not noted that it installed": {"SetNote", 1, virt.EndReboot, 1},
		"it is installed, and not booted":   {"BootDomain", 0, virt.EndReboot, 1},
	} {
		t.Run(what, func(t *testing.T) {
			h := newInstallHost(t)
			c := newCore(t, h, "netboot_domain")
			c.must(memoryInstall)
			before, installs := *c, h.Calls("InstallDomain")
			h.ScriptInstall("guest", "", test.end)
			h.FailAfter(test.method, test.calls, errors.New("killed"))
			if problems := c.apply(memoryReinstall); !problems.hasError() {
				t.Errorf("apply: %v", problems)
			}
			h.Fail(test.method, nil)
			c = &before
			if test.end == virt.EndUnknown {
				go endJoined(h, virt.EndReboot)
			}
			c.must(memoryReinstall)
			wantInstalls(t, h, installs+test.installs)
		})
	}
}

// TestInstallCutOffBeforeItIsNoted holds that a guest is installed again whose installer was started, was
// not noted, and has ended: nobody knows that it was the installer.
func TestInstallCutOffBeforeItIsNoted(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	h.Fail("SetNote", errors.New("killed"))
	if problems := c.apply(memoryReinstall); !problems.hasError() {
		t.Errorf("apply: %v", problems)
	}
	h.Fail("SetNote", nil)
	c.must(memoryReinstall)
	wantInstalls(t, h, 3)
}

// TestInstallAnew holds that a change of reinstall does not wait for the installer of before.
func TestInstallAnew(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	h.ScriptInstall("guest", "", virt.EndUnknown)
	wantProblem(t, c.apply(memoryImpatient), "within install.timeout")
	h.ScriptInstall("guest", "", virt.EndReboot)
	anew := strings.Replace(memoryReinstall, "again", "anew", 1)
	wantProblem(t, c.plan(anew).problems, `Domain "guest" will be installed again`)
	c.must(anew)
	wantInstalls(t, h, 3)
}

// TestInstallFailedOnce holds that a guest which ended otherwise than it should is not taken for installed
// later, when libvirt knows no more than that it shut down.
func TestInstallFailedOnce(t *testing.T) {
	h := newInstallHost(t)
	c := newCore(t, h, "netboot_domain")
	c.must(memoryInstall)
	h.ScriptInstall("guest", "", virt.EndPowerOff)
	wantProblem(t, c.apply(memoryReinstall), "The guest powered off")
	h.ScriptInstall("guest", "", virt.EndReboot)
	c.must(memoryReinstall)
	wantInstalls(t, h, 3)
}

func TestInstallFaults(t *testing.T) {
	for _, method := range []string{"Domain", "CreateDomain", "RedefineDomain", "ShutDownDomain", "InstallDomain", "SetNote", "BootDomain"} {
		t.Run(method, func(t *testing.T) {
			failsInTurn(t, newInstallHost, "netboot_domain", method, memoryInstall, memoryReinstall)
		})
	}
}

func TestInstallValidation(t *testing.T) {
	c := newCore(t, newGuestHost(t), "netboot_domain")
	for _, test := range []struct{ config, says string }{
		{`{"name": "guest", "memory": "512MiB", "interfaces": [{"network": "lab"}], "install": {}}`, "Nothing to install on"},
		{`{"name": "guest", "memory": "512MiB", "disks": [{"volume": "default/disk"}], "install": {}}`, "Nothing to install from"},
		{strings.Replace(memoryInstall, `["network", "disk"]`, `["network"]`, 1), "An installed guest boots from disk"},
		{strings.Replace(memoryDomain, "{", `{"reinstall": "1", `, 1), "Nothing to install again"},
		{strings.Replace(memoryInstall, "1m", "soon", 1), "timeout"},
		{strings.Replace(memoryInstall, `"until": "reboot"`, `"until": "done"`, 1), "until"},
	} {
		if problems := c.plan(test.config).problems; !problems.hasError() || !strings.Contains(problems.String(), test.says) {
			t.Errorf("%s: %v", test.config, problems)
		}
	}
}
