package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// needsInstallers skips a test that installs distributions.
func needsInstallers(t *testing.T) {
	t.Helper()
	needsCLI(t)
	if os.Getenv("NETBOOT_INSTALLERS") != "all" {
		t.Skip("make installers runs this: it keeps the processors busy for many minutes")
	}
	lab.Need(t)
}

// mirrorPort is the port of the mirror on every address of the lab's host.
const mirrorPort = "3142"

// debianMirror serves a mirror of Debian to the guests of the lab's host, at /debian, and one that lacks a package, at /lacking. It
// returns the directory of the installer's files.
func debianMirror(t *testing.T) (installer string) {
	t.Helper()
	mirror, err := lab.DebianMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(mirror))
	mirrors := http.NewServeMux()
	mirrors.Handle("/debian/", http.StripPrefix("/debian/", files))
	mirrors.Handle("/lacking/", http.StripPrefix("/lacking/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "pool/base-files_") {
			http.NotFound(w, r)
			return
		}
		files.ServeHTTP(w, r)
	})))
	answers(t, ":"+mirrorPort, mirrors)
	installer, err = lab.InstallerFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return installer
}

// preseedExample is the example that installs Debian on PCs.
const preseedExample = "preseed"

// unsigned lets the installer use the lab's mirror, which is not signed.
const unsigned = `
      "/usr/lib/base-installer.d/50unsigned" = {
        mode    = "0755"
        content = <<-EOT
          #!/bin/sh
          echo 'Acquire::AllowInsecureRepositories "true";' > /target/etc/apt/apt.conf.d/00unsigned
        EOT
      }
      `

// furtherAnswers accept a mirror without a signature, and install only what the smallest system needs.
const furtherAnswers = `
          d-i debian-installer/allow_unauthenticated boolean true
          d-i clock-setup/ntp boolean false
          d-i base-installer/install-recommends boolean false
          d-i base-installer/kernel/image string linux-image-cloud-amd64
          d-i base-installer/initramfs-tools/driver-policy select dep
          d-i apt-setup/services-select multiselect
          d-i apt-setup/enable-source-repositories boolean false
`

// installsDebian is preseedExample for the lab's mirror on the host. Nothing else is reachable.
func installsDebian(t *testing.T) string {
	t.Helper()
	config := bareExample(t, preseedExample) + `
output "results" {
  value = { for guest in [netboot_domain.bios, netboot_domain.uefi] : guest.name => { install = guest.install_result, boot = guest.boot_result } }
}
`
	config = changed(t, config, `"/preseed.cfg" = {`, unsigned+`"/preseed.cfg" = {`)
	config = changed(t, config, "\n          d-i time/zone", furtherAnswers+"          d-i time/zone")
	for _, disk := range []string{`netboot_volume.disk["bios"].id`, `netboot_volume.disk["uefi"].id`} {
		config = changed(t, config, disk, disk+`, cache = "unsafe"`)
	}
	return config
}

// changed replaces what a configuration must have.
func changed(t *testing.T, config, before, after string) string {
	t.Helper()
	if strings.Count(config, before) != 1 {
		t.Fatalf("the configuration should have %q once:\n%s", before, config)
	}
	return strings.Replace(config, before, after, 1)
}

// debianCLI has a configuration that installs Debian from the lab's mirror.
func debianCLI(t *testing.T, config, images string) *cli {
	t.Helper()
	c := consoleCLI(t, config)
	c.write("terraform.tfvars", fmt.Sprintf(`
images   = %q
mirror   = { host = "192.168.150.1:%s", directory = "/debian" }
password = "$6$salt$hash"
`, images, mirrorPort))
	return c
}

// TestInstallersDebian installs Debian by its own installer on PCs with BIOS and UEFI at the same time, which then boot from their
// disks. Then it installs them again.
func TestInstallersDebian(t *testing.T) {
	needsInstallers(t)
	leavesNothing(t)
	c := debianCLI(t, installsDebian(t), debianMirror(t))
	for _, installation := range []string{"first", "second"} {
		c.write("installation.auto.tfvars", fmt.Sprintf("installation = %q\n", installation))
		took := c.installs(2 * time.Hour)
		c.logRow("Debian 13, x86_64 with BIOS, "+installation, "bios", took)
		c.logRow("Debian 13, x86_64 with UEFI, "+installation, "uefi", took)
		c.must("plan", "-detailed-exitcode")
		for _, guest := range []string{"bios", "uefi"} { // an installation begins a new log
			c.consoleShows(guest, "Installing the base system", "login:")
		}
	}
	c.must("destroy", "-auto-approve")
}

// failedInstallations are changes of the configuration with which Debian's installer fails, and what the apply then says.
var failedInstallations = []struct {
	name, old, new string
	says           []string
}{
	{
		"no release on the mirror", "${var.mirror.directory}", "/nothing",
		[]string{"!! ERROR: Bad archive mirror"},
	},
	{
		"a question without an answer", "d-i passwd/root-password-crypted password ${var.password}", "",
		[]string{"Root password:"},
	},
	{
		"a disk that is too small", `capacity = "20GiB"`, `capacity = "512MiB"`,
		[]string{"!! ERROR: Failed to partition the selected disk"},
	},
	{
		"a package that the mirror lacks", "${var.mirror.directory}", "/lacking",
		[]string{"!! ERROR: Failed to install the base system", "the mirror lacks it"},
	},
}

// TestInstallersDebianFails holds that the apply fails as soon as the installer's console says that the installer cannot continue, and
// that the error has these lines. Without that, the apply would wait for the timeout of the installation.
func TestInstallersDebianFails(t *testing.T) {
	needsInstallers(t)
	installer := debianMirror(t)
	for _, failed := range failedInstallations {
		t.Run(failed.name, func(t *testing.T) {
			leavesNothing(t)
			c := debianCLI(t, changed(t, installsDebian(t), failed.old, failed.new), installer)
			run := c.start("apply", "-auto-approve", "-target=netboot_domain.bios")
			err := run.wait(time.Hour) // less than the timeout of the installation
			if !says(append([]string{`Unable to install domain "bios"`}, failed.says...)...).MatchString(run.output.String()) {
				t.Errorf("%v; it should say %q:\n%s", err, failed.says, run.output.String())
			}
			ended := time.Now()
			log, err := os.Stat(c.consoleLog("bios"))
			if err != nil {
				t.Fatal(err)
			}
			_, report, _ := strings.Cut(run.output.String(), "Error: ")
			t.Logf("reported %.1f s after the last of the console: %s", ended.Sub(log.ModTime()).Seconds(), report)
			c.must("destroy", "-auto-approve")
		})
	}
}

// installs applies and returns how long that took.
func (c *cli) installs(limit time.Duration) time.Duration {
	c.t.Helper()
	begin := time.Now()
	c.mustWithin(limit, "apply", "-auto-approve")
	return time.Since(begin)
}

// logRow logs a row of the table of installations in lab/cmd/bench/RESULTS.md.
func (c *cli) logRow(system, guest string, apply time.Duration) {
	c.t.Helper()
	type result struct {
		Seconds float64
		Stages  map[string]float64
	}
	var results map[string]struct{ Install, Boot result }
	if err := json.Unmarshal([]byte(c.must("output", "-json", "results")), &results); err != nil {
		c.t.Fatal(err)
	}
	of := results[guest]
	c.t.Logf("installations: | %s | %.0f s | %.0f s | %.0f s |; stages of the installer: %v; of the boot from disk: %v",
		system, of.Install.Seconds, of.Boot.Seconds, apply.Seconds(), of.Install.Stages, of.Boot.Stages)
}
