package provider

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// What may befall a guest and its host: after each of these the state is true, and the next apply mends it.

// passesAtOnce is a boot check that the firmware passes which waits for DHCP.
const passesAtOnce = "\n boot_check = { expect = [\"Network boot device detected\"] }"

// restartLibvirtd is a crash of libvirtd, under whatever is going on.
func restartLibvirtd(t *testing.T) {
	t.Helper()
	if err := lab.Shared(t).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lab.Shared(t).Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// mends applies what is wanted now, and wants nothing to be left to do, and the guest to run.
func (c *cli) mends(wanted string) {
	c.t.Helper()
	c.write("boot.tf", wanted)
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	if state := strings.TrimSpace(virsh(c.t, "domstate", "acc")); state != "running" {
		c.t.Errorf("the guest is %s", state)
	}
}

// TestAccDomainHostRestarted restarts libvirtd under an apply that waits for a guest to boot, and under a
// destroy that waits for it to shut down.
func TestAccDomainHostRestarted(t *testing.T) {
	c := newBootCLI(t)
	c.write("boot.tf", domain(onLabNetwork+"\n boot_check = { expect = [\"login:\"], timeout = \"8s\" }"))
	run := c.applyUntil(firmwareWaits)
	guest := virsh(t, "domid", "acc")
	restartLibvirtd(t)
	run.ends(`Unable to boot domain "acc"`)
	if now := virsh(t, "domid", "acc"); now != guest || len(c.resources()) != 2 {
		t.Errorf("the guest is %q and was %q; in the state are %q", now, guest, c.resources())
	}
	c.mends(domain(onLabNetwork + passesAtOnce + "\n shutdown_timeout = \"4s\""))

	run = c.start("destroy", "-auto-approve")
	eventually(t, "the guest is asked to shut down", func() bool { return strings.Contains(run.output.String(), "Destroying...") })
	time.Sleep(time.Second) // of the 4 that it is waited for
	restartLibvirtd(t)
	err := run.wait(hangs)
	if gone := virsh(t, "list", "--all", "--name"); (err == nil) != (strings.TrimSpace(gone) == "") {
		t.Errorf("the destroy ended with %v, and there is still %q", err, gone)
	}
	if err != nil {
		if !says(`Unable to delete domain "acc"`).MatchString(run.output.String()) {
			t.Errorf("it says:\n%s", run.output.String())
		}
		c.must("plan") // which finds what there is
	}
	c.must("destroy", "-auto-approve")
}

// TestAccDomainConsoleTaken has somebody who takes the console of a guest that an apply watches.
func TestAccDomainConsoleTaken(t *testing.T) {
	c := newBootCLI(t)
	run := c.applyUntil(firmwareWaits)
	release, err := lab.Shared(t).TakeConsole(t.Context(), "acc")
	if err != nil {
		t.Fatal(err)
	}
	run.ends(`Unable to boot domain "acc"`, "another program has the guest's console open, for example virsh console", `Not seen on the console: "login:"`,
		"It left the guest running, and the next apply boots it again", "console_log_dir")
	if state := strings.TrimSpace(virsh(t, "domstate", "acc")); state != "running" {
		t.Errorf("the guest is %s", state)
	}
	c.write("console.tf", `data "netboot_console" "test" {
  domain = "acc"
  until  = "login:"
}`)
	c.mustFail([]string{"plan"}, "another program has the guest's console open", "Close the other client")
	c.write("console.tf", "")
	release()
	c.mends(domain(onLabNetwork + passesAtOnce))
	c.must("destroy", "-auto-approve")
}

// TestAccDomainNoMemory has a guest that is to have more memory than any host.
func TestAccDomainNoMemory(t *testing.T) {
	guest := func(memory string) string {
		return labNetwork + strings.Replace(domain(onLabNetwork+"\n shutdown_timeout = \"1s\""), "256MiB", memory, 1)
	}
	says := says(`Unable to start domain "acc"`, inside("memory"), "cannot set up guest memory", "Reduce it, or stop other guests")
	runs := virshPrints(t, "domstate acc", "running")
	acceptance(t,
		resource.TestStep{Config: guest("250TiB"), ExpectError: says},
		resource.TestStep{
			Config:           guest("256MiB"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            runs,
		},
		resource.TestStep{Config: guest("250TiB"), ExpectError: says},
		resource.TestStep{ // the old definition was restored, and the guest runs with it
			PreConfig:        func() { expect(t, runs) },
			Config:           guest("256MiB"),
			ConfigPlanChecks: noChange,
		},
	)
}

// TestAccDomainDoesNotStart holds which attribute is blamed for a guest that libvirt does not take or start, and that the next
// apply starts it.
func TestAccDomainDoesNotStart(t *testing.T) {
	c := newBootCLI(t)
	for attributes, texts := range map[string][]string{
		`interfaces = [{ bridge = "acc-none" }]`:     {`Unable to start domain "acc"`, "interfaces =", "acc-none", "run ip link on the host"},
		`interfaces = [{ device = "acc-none" }]`:     {`Unable to start domain "acc"`, "interfaces =", "acc-none", "run ip link on the host"},
		onLabNetwork + "\n cpu = \"z99\"":            {`Unable to start domain "acc"`, "cpu =", "virsh domcapabilities"},
		onLabNetwork + "\n machine = \"s390-ccw-1\"": {`Unable to create domain "acc"`, "machine =", "s390-ccw-1"},
	} {
		c.write("boot.tf", domain(attributes))
		c.mustFail([]string{"apply", "-auto-approve"}, texts...)
	}
	c.mends(domain(onLabNetwork))
	c.must("destroy", "-auto-approve")
}
