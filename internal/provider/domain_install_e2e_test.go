package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// installedSystem is the image of a disk that boots the lab's kernel and prints from-disk.
func installedSystem(t *testing.T) string {
	t.Helper()
	lab.Need(t)
	path := filepath.Join(t.TempDir(), "disk.img")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.WriteBootDisk(t.Context(), file, "console=ttysclp0 netboot.print=from-disk"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// installerFiles is bootFiles with an initrd that installs the system.
func installerFiles(t *testing.T, system string) string {
	t.Helper()
	injected := fmt.Sprintf("$1, inject = { \"/install/disk.img\" = { source = %q } } }", system)
	return regexp.MustCompile(`(initrd    = \{ source = "[^"]+") \}`).ReplaceAllString(bootFiles(t), injected)
}

// installer is a configuration with a network that boots what installs the system on /dev/vda and then
// does as a word says, and a disk.
func installer(t *testing.T, system, then string) string {
	t.Helper()
	return installerFiles(t, system) + entry("", bootKernel, fmt.Sprintf(`"netboot.install=/dev/vda", "netboot.then=%s"`, then)) + `
resource "netboot_volume" "disk" {
  name     = "disk"
  pool     = "acc"
  format   = "raw"
  capacity = "32MiB"
}
`
}

// installedGuest is a guest that is installed, with more attributes.
func installedGuest(attributes string) string {
	return fmt.Sprintf(`
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  disks           = [{ volume = netboot_volume.disk.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
%s
}
`, attributes)
}

const fromDisk = `
  boot_check = {
    expect = ["NETBOOT-INIT: from-disk"]
    forbid = ["Network boot"]
  }
`

// wipeDisk makes a disk one that nothing boots from.
func wipeDisk(t *testing.T) {
	t.Helper()
	disk, err := os.OpenFile(inSrv(t, "/srv/acc/disk"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Write(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if err := disk.Close(); err != nil {
		t.Fatal(err)
	}
}

// logShows checks that a console's log holds these texts in turn.
func logShows(log string, texts ...string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		text, err := os.ReadFile(log)
		if err != nil {
			return err
		}
		rest := string(text)
		for _, text := range texts {
			_, after, found := strings.Cut(rest, text)
			if !found {
				return fmt.Errorf("%s should show %q in turn:\n%s", log, texts, rest)
			}
			rest = after
		}
		return nil
	}
}

// TestE2EInstall installs a guest for real: it writes a system to its disk, and comes up from it.
func TestE2EInstall(t *testing.T) {
	accPool(t)
	system, logs := installedSystem(t), t.TempDir()
	log := filepath.Join(logs, "acc.log")
	diskAlone := virshPrints(t, "dumpxml acc", "<on_reboot>restart</on_reboot>", "<boot order='1'/>\n      <alias name='virtio-disk0'/>", "not <boot order='2'/>")
	reboots := installer(t, system, "reboot")
	shutsDown := installer(t, system, "poweroff")
	var killed <-chan error
	const judged = `install = { until = "shutdown", timeout = "5m", expect = ["installed=(\\S+)"] }`
	const order = "\n  boot = [\"network\", \"disk\"]\n"
	steps := []resource.TestStep{{
		Config:           shutsDown + installedGuest(judged+order+fromDisk),
		ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionCreate),
		Check: resource.ComposeTestCheckFunc(
			resource.TestCheckResourceAttr(testDomain, "installed", "true"),
			resource.TestCheckResourceAttr(testDomain, "install_result.stage", "userspace"),
			resource.TestCheckResourceAttr(testDomain, "install_result.groups.0.0", "/dev/vda"),
			resource.TestCheckResourceAttr(testDomain, "boot.#", "2"),
			resource.TestCheckResourceAttr(testDomain, "boot_result.matched.0", "NETBOOT-INIT: from-disk"),
			logShows(log, "Network boot device detected", "NETBOOT-INIT: installed=/dev/vda", "Using SCSI scheme", "NETBOOT-INIT: from-disk"),
			virshPrints(t, "domstate acc", "running"),
			diskAlone,
		),
	}}
	steps = append(steps, imports(testDomain, "acc")...)
	steps = append(steps,
		resource.TestStep{
			Config:           shutsDown + installedGuest(judged+order+fromDisk),
			ConfigPlanChecks: noChange,
		},
		resource.TestStep{
			// What libvirtd's absence hides, it knows when it is back.
			PreConfig:        func() { wipeDisk(t); killed = libvirtdAway(t, log) },
			Config:           reboots + installedGuest("install = {}\n reinstall = \"once more\"\n running = false"+order+fromDisk),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(testDomain, "installed", "true"),
				resource.TestCheckResourceAttr(testDomain, "install.until", "reboot"),
				logShows(log, "Network boot device detected"),
				virshPrints(t, "domstate acc --reason", "shut off (shutdown)"),
			),
		},
		resource.TestStep{
			// What somebody starts is the installed system, not the installer.
			Config:           reboots + installedGuest("install = {}\n reinstall = \"once more\""+fromDisk),
			ConfigPlanChecks: actions(testDomain, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				resource.TestCheckResourceAttr(testDomain, "boot.0", "disk"),
				resource.TestCheckResourceAttr(testDomain, "boot_result.matched.0", "NETBOOT-INIT: from-disk"),
				diskAlone,
			),
		},
	)
	steps = append(steps, imports(testDomain, "acc")...)
	acceptanceWith(t, fmt.Sprintf("console_log_dir = %q", logs), steps...)
	if err := <-killed; err != nil {
		t.Error(err)
	}
}
