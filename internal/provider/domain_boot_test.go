package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// TestAccDomainBootCheck has what the firmware alone decides, before there is anything to boot.
func TestAccDomainBootCheck(t *testing.T) {
	accPool(t)
	disk := labNetwork + `
resource "netboot_volume" "disk" {
  name     = "disk"
  pool     = "acc"
  format   = "raw"
  capacity = "1MiB"
}
`
	replaces := actions(testDomain, plancheck.ResourceActionDestroyBeforeCreate)
	acceptance(t,
		resource.TestStep{
			Config:      disk + domain("boot = [\"disk\"]\n disks = [{ volume = netboot_volume.disk.id }]\n boot_check = { expect = [\"login:\"] }"),
			ExpectError: says(`Unable to boot domain "acc"`, "boot_check =", "the firmware gave up", `Not seen on the console: "login:"`, "The end of the console:", "| LOADPARM="),
		},
		resource.TestStep{
			// Nobody answers the firmware's DHCP requests.
			Config:           disk + domain(onLabNetwork+"\n boot_check = { expect = [\"login:\"], timeout = \"5s\" }"),
			ConfigPlanChecks: replaces,
			ExpectError: says(`Unable to boot domain "acc"`, "boot_check =", "the boot timed out", `stage "firmware"`, "no DHCP server has answered yet",
				"Requesting information via DHCP", "raise boot_check.timeout"),
		},
		resource.TestStep{
			Config:           disk + domain(onLabNetwork+"\n boot_check = { expect = [\"Network boot device detected\"] }"),
			ConfigPlanChecks: replaces,
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "firmware"),
				resource.TestCheckResourceAttr(testDomain, "boot_result.matched.0", "Network boot device detected"),
				virshPrints(t, "domstate acc", "running"),
			),
		},
		resource.TestStep{
			// What is expected is checked at the next start, not now.
			Config:           disk + domain(onLabNetwork+"\n boot_check = { expect = [\"login:\"] }"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check:            resource.TestCheckResourceAttr(testDomain, "boot_result.matched.0", "Network boot device detected"),
		},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "destroy", "acc") },
			Config:           disk + domain(onLabNetwork+"\n boot_check = { expect = [\"login:\"], timeout = \"5s\" }"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			ExpectError:      says(`Unable to boot domain "acc"`, "the boot timed out"),
		},
		resource.TestStep{
			// The failed boot is not forgotten, although the guest runs. (Paused, it does not wait to be shut down.)
			PreConfig:        func() { virsh(t, "destroy", "acc"); virsh(t, "start", "acc", "--paused") },
			Config:           disk + domain(onLabNetwork+"\n boot_check = { expect = [\"Network boot device detected\"], timeout = \"30s\" }"),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check:            resource.TestCheckResourceAttr(testDomain, "boot_result.stage", "firmware"),
		},
	)
}

func TestAccDomainConsoleLogDir(t *testing.T) {
	file := writeFile(t, "not a folder")
	acceptanceWith(t, `console_log_dir = "`+file+`"`, resource.TestStep{
		Config:      labNetwork + domain(onLabNetwork+"\n boot_check = { expect = [\"x\"] }"),
		ExpectError: says(`Unable to start domain "acc"`, "console_log_dir", "not a directory"),
	})
	logs := filepath.Join(t.TempDir(), "new", "consoles")
	acceptanceWith(t, `console_log_dir = "`+logs+`"`, resource.TestStep{
		Config: labNetwork + domain(onLabNetwork+"\n boot_check = { expect = [\"Network boot device detected\"] }"),
	})
	for path, mode := range map[string]os.FileMode{logs: 0o700 | os.ModeDir, filepath.Join(logs, "acc.log"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v %v, want the mode %v", path, info, err, mode)
		}
	}
}

// waitsForBoot is a guest whose firmware gets no answer, so that its boot check waits for minutes.
const waitsForBoot = "\n boot_check = { expect = [\"login:\"] }"

// firmwareWaits is what a firmware writes when it begins to ask for an address.
const firmwareWaits = "DHCP"

// applyUntil begins an apply, and returns when the guest that it waits for has written a text to its console.
func (c *cli) applyUntil(text string) *cliRun {
	c.t.Helper()
	log := c.consoleLog("acc")
	_ = os.Remove(log)
	run := c.start("apply", "-auto-approve")
	eventually(c.t, fmt.Sprintf("the guest writes %q", text), func() bool {
		written, _ := os.ReadFile(log)
		return strings.Contains(string(written), text)
	})
	return run
}

func TestAccDomainInterrupted(t *testing.T) {
	c := newBootCLI(t)
	run := c.applyUntil(firmwareWaits)
	run.signal(syscall.SIGINT)
	if err := run.wait(soon); err == nil {
		t.Error("an interrupted apply succeeds")
	}
	if !says(`Unable to boot domain "acc"`, "the watch was cancelled", "The run was interrupted").MatchString(run.output.String()) {
		t.Errorf("it says:\n%s", run.output.String())
	}
	if got := c.resources(); len(got) != 2 {
		t.Errorf("in the state are %q", got)
	}
	c.write("boot.tf", domain(onLabNetwork+"\n boot_check = { expect = [\"Network boot device detected\"] }"))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}

func TestAccDomainProviderKilled(t *testing.T) {
	c := newBootCLI(t)
	run := c.applyUntil(firmwareWaits)
	run.killProvider()
	if err := run.wait(soon); err == nil {
		t.Error("an apply succeeds without its provider")
	}
	c.mustFail([]string{"apply", "-auto-approve"}, `Unable to create domain "acc"`, "already exists", "import ADDRESS acc")
	c.must("import", testDomain, "acc")
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}

// newBootCLI is a CLI with a guest that waits, and its console's log in its directory.
func newBootCLI(t *testing.T) *cli {
	t.Helper()
	leavesNothing(t)
	c := consoleCLI(t, labNetwork)
	c.write("boot.tf", domain(onLabNetwork+waitsForBoot))
	return c
}
