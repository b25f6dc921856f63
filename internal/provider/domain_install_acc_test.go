package provider

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/netboot"
)

// waitsToInstall is a guest whose firmware gets no answer on labNetwork, so that it installs for minutes.
const waitsToInstall = `
resource "netboot_volume" "disk" {
  name     = "disk"
  pool     = "acc"
  capacity = "1GiB"
}
resource "netboot_domain" "test" {
  name       = "acc"
  memory     = "256MiB"
  disks      = [{ volume = netboot_volume.disk.id }]
  interfaces = [{ network = netboot_network.lab.name }]
  install    = { timeout = "10m" }
}
`

// ends waits for a run that has to fail, and to say these texts.
func (r *cliRun) ends(texts ...string) {
	r.t.Helper()
	if err := r.wait(hangs); err == nil || !says(texts...).MatchString(r.output.String()) {
		r.t.Errorf("%v; it should say %q:\n%s", err, texts, r.output.String())
	}
}

// TestAccInstallCutOff cuts an installation off in each way, and goes on with it: the guest stays the same. It is one
// that never ends and writes all the time, however slow the machine is.
func TestAccInstallCutOff(t *testing.T) {
	const tick = "NETBOOT-INIT: tick="
	accPool(t)
	c := newBootCLI(t)
	c.write("main.tf", onHost(lab.Shared(t).URI, `console_log_dir = "consoles"`)+bootFiles(t)+entry("", bootKernel, `"netboot.tick"`))
	c.write("boot.tf", strings.Replace(waitsToInstall, "  install ", "  pxelinux_config = netboot_pxelinux_config.test.id\n  install ", 1))
	run := c.applyUntil(tick)
	guest := virsh(t, "domid", "acc")
	run.killProvider()
	run.ends()
	c.mustFail([]string{"apply", "-auto-approve"}, `Unable to create domain "acc"`, "already exists", "import ADDRESS acc")
	c.must("import", testDomain, "acc")
	if plan := c.must("plan"); !says("installed", "false -> true", `The installation of domain "acc" is not complete`).MatchString(plan) {
		t.Errorf("the plan says:\n%s", plan)
	}

	run = c.applyUntil(tick)
	run.signal(syscall.SIGINT)
	run.ends(`Unable to install domain "acc"`, "The run was interrupted")

	run = c.applyUntil(tick)
	if err := lab.Shared(t).Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lab.Shared(t).Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now := virsh(t, "domid", "acc"); now != guest {
		t.Errorf("the guest was started anew: its id is %q and was %q", now, guest)
	}
	virsh(t, "destroy", "acc")
	run.ends(`Unable to install domain "acc"`, "destroyed or reset from the host")

	run = c.applyUntil(firmwareWaits) // anew, as that one was ended
	if now := virsh(t, "domid", "acc"); now == guest {
		t.Error("the guest was not started anew")
	}
	run.signal(syscall.SIGINT)
	run.ends("The run was interrupted")
	c.must("destroy", "-auto-approve")
}

// TestAccInstallInterrupted holds that Ctrl-C in a create leaves the guest, tainted.
func TestAccInstallInterrupted(t *testing.T) {
	accPool(t)
	c := newBootCLI(t)
	c.write("boot.tf", waitsToInstall)
	run := c.applyUntil(firmwareWaits)
	begin := time.Now()
	run.signal(syscall.SIGINT)
	run.ends(`Unable to install domain "acc"`, "The run was interrupted")
	if took := time.Since(begin); took > soon {
		t.Errorf("it took %v to end", took)
	}
	if plan := c.must("plan"); !says(testDomain, "is tainted").MatchString(plan) {
		t.Errorf("the plan says:\n%s", plan)
	}
	c.must("destroy", "-auto-approve")
}

// badInstalls are installers that do not do what they are waited for, side by side, and what is said of them.
var badInstalls = map[string]struct {
	until, then, kernel string // no kernel: one that does not exist
	says                []string
	more                string // attributes of install
}{
	"crashes": {"reboot", "plain-reboot", bootKernel,
		[]string{"The guest crashed while it was installing, or rebooted", `install.until = "shutdown"`, "| NETBOOT-INIT: installed=/dev/vda"}, ""},
	"reboots":     {"shutdown", "reboot", bootKernel, []string{`The guest rebooted, but install.until = "shutdown"`}, ""},
	"powers-off":  {"reboot", "poweroff", bootKernel, []string{`The guest powered off, but install.until = "reboot"`}, ""},
	"misses":      {"reboot", "reboot", "", []string{"The firmware gave up", "file not found: kernel-none", "Meaning:", "Remedy:", "| "}, ""},
	"says-little": {"either", "poweroff", bootKernel, []string{"did not show what install.expect wants", `"all is well"`, "| NETBOOT-INIT: installed=/dev/vda"}, `expect = ["all is well"]`},
	"asks":        {"either", "wait", bootKernel, []string{`The console showed "installed=/dev/vda", which is forbidden`, "The guest was not stopped"}, `forbid = ["installed=\\S+"]`},
}

// TestE2EInstallFails has what goes wrong when guests install for real.
func TestE2EInstallFails(t *testing.T) {
	accPool(t)
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, installerFiles(t, installedSystem(t)))
	for name, bad := range badInstalls {
		guest := fmt.Sprintf("mac = %q", netboot.DerivedMAC(name, 0))
		config := entry(guest, bad.kernel, fmt.Sprintf(`"netboot.install=/dev/vda", "netboot.then=%s"`, bad.then))
		if bad.kernel == "" {
			config = entryOfNoKernel(guest)
		}
		guest = config + fmt.Sprintf(`
resource "netboot_volume" "test" {
  name     = %[1]q
  pool     = "acc"
  format   = "raw"
  capacity = "32MiB"
}
resource "netboot_domain" "test" {
  name            = %[1]q
  memory          = "512MiB"
  disks           = [{ volume = netboot_volume.test.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  install = {
    until   = %[2]q
    timeout = "5m"
    %[3]s
  }
}
`, name, bad.until, bad.more)
		c.write(name+".tf", regexp.MustCompile(`(netboot_(?:volume|domain|pxelinux_config)(?:" "|\.))test`).ReplaceAllString(guest, "${1}"+name))
	}
	run := c.start("apply", "-auto-approve")
	err := run.wait(5 * time.Minute)
	for name, bad := range badInstalls {
		texts := append([]string{fmt.Sprintf("Unable to install domain %q", name), inside("install")}, bad.says...)
		if err == nil || !says(texts...).MatchString(run.output.String()) {
			t.Errorf("%v; it should say %q:\n%s", err, texts, run.output.String())
		}
		if state := strings.TrimSpace(virsh(t, "domstate", name)); (state == "running") != (bad.then == "wait") {
			t.Errorf("the guest that %s is %s", name, state)
		}
	}
	c.must("destroy", "-auto-approve")
}

// libvirtdAway kills libvirtd as soon as a guest's console shows that it has its kernel, and starts it
// again when the guest has rebooted.
func libvirtdAway(t *testing.T, log string) <-chan error {
	t.Helper()
	_ = os.Remove(log)
	done := make(chan error, 1)
	go func() {
		for {
			if text, _ := os.ReadFile(log); strings.Contains(string(text), "Network loading done") {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := lab.Shared(t).Kill(t.Context()); err != nil {
			done <- err
			return
		}
		ended := lab.Shared(t).AwaitShutdown(t.Context(), "acc")
		done <- errors.Join(ended, lab.Shared(t).Restart(t.Context()))
	}()
	return done
}

// TestAccInstallUnknown has an install that is not known before the apply, and that then is none.
func TestAccInstallUnknown(t *testing.T) {
	accPool(t)
	config := strings.Replace(waitsToInstall, `install    = { timeout = "10m" }`, `install    = terraform_data.wanted.output == "yes" ? { timeout = "10m" } : null
  running    = false`, 1)
	acceptance(t, resource.TestStep{
		Config:           labNetwork + "resource \"terraform_data\" \"wanted\" { input = \"no\" }\n" + config,
		ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testDomain, tfjsonpath.New("boot"))),
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckNoResourceAttr(testDomain, "installed"),
			resource.TestCheckResourceAttr(testDomain, "boot.0", "network"),
			virshPrints(t, "dumpxml acc", "<model type='virtio'/>\n      <boot order='1'/>"),
		),
	})
}
