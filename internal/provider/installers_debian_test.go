package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

// installsDebian installs a PC with BIOS and a PC with UEFI from a mirror on the host. Nothing else is reachable: the network forwards
// nothing.
const installsDebian = `
variable "installer" {}
variable "installation" { default = "first" }

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
  files = {
    "pxelinux.0"     = { source = "${var.installer}/pxelinux.0" }
    "ldlinux.c32"    = { source = "${var.installer}/boot-screens/ldlinux.c32" }
    "bootnetx64.efi" = { source = "${var.installer}/bootnetx64.efi" }
    "grubx64.efi"    = { source = "${var.installer}/grubx64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub"]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges       = [{ start = "192.168.150.100", end = "192.168.150.200" }]
      reservations = [for i, name in ["bios", "uefi"] : { mac = provider::netboot::mac(name), ip = "192.168.150.${10 + i}" }]
      boot = [
        { arch = "x86_64", bootfile = "pxelinux.0" },
        { arch = "x86_64-efi", bootfile = "bootnetx64.efi" },
      ]
    }
  }
}

resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian"
  arch      = "x86_64"
  kernel    = { source = "${var.installer}/linux" }
  initrd = {
    source = "${var.installer}/initrd.gz"
    inject = {
      "/preseed.cfg" = { content = local.preseed }

      # The mirror is not signed.
      "/usr/lib/base-installer.d/50unsigned" = {
        mode    = "0755"
        content = <<-EOT
          #!/bin/sh
          echo 'Acquire::AllowInsecureRepositories "true";' > /target/etc/apt/apt.conf.d/00unsigned
        EOT
      }
    }
  }
}

locals {
  append  = ["auto=true", "priority=critical", "DEBIAN_FRONTEND=text", "TERM=dumb", "---", "console=ttyS0,115200"]
  preseed = <<-EOT
    d-i debian-installer/locale string en_US.UTF-8
    d-i keyboard-configuration/xkb-keymap select us
    d-i netcfg/get_hostname string debian
    d-i netcfg/get_domain string example.org
    d-i mirror/country string manual
    d-i mirror/http/hostname string 192.168.150.1:` + mirrorPort + `
    d-i mirror/http/directory string /debian
    d-i mirror/http/proxy string
    d-i debian-installer/allow_unauthenticated boolean true
    d-i clock-setup/ntp boolean false
    d-i time/zone string Etc/UTC
    d-i passwd/make-user boolean false
    d-i passwd/root-password password lab
    d-i passwd/root-password-again password lab
    d-i partman-auto/method string regular
    d-i partman-auto/choose_recipe select atomic
    d-i partman-partitioning/confirm_write_new_label boolean true
    d-i partman/choose_partition select finish
    d-i partman/confirm boolean true
    d-i partman/confirm_nooverwrite boolean true
    d-i base-installer/install-recommends boolean false
    d-i base-installer/kernel/image string linux-image-cloud-amd64
    d-i base-installer/initramfs-tools/driver-policy select dep
    d-i apt-setup/services-select multiselect
    d-i apt-setup/enable-source-repositories boolean false
    d-i pkgsel/run_tasksel boolean false
    d-i pkgsel/upgrade select none
    d-i pkgsel/update-policy select none
    popularity-contest popularity-contest/participate boolean false
    d-i grub-installer/only_debian boolean true
    d-i grub-installer/bootdev string default
    d-i grub-installer/force-efi-extra-removable boolean true
    d-i finish-install/reboot_in_progress note
    d-i debian-installer/exit/poweroff boolean true
  EOT
}

resource "netboot_pxelinux_config" "bios" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "x86_64"
  entries = [{
    label  = "install"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
    append = local.append
  }]
}

resource "netboot_grub_config" "uefi" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "install"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
    append = local.append
  }]
}

resource "netboot_volume" "disk" {
  for_each = toset(["bios", "uefi"])
  name     = "${each.key}.qcow2"
  capacity = "12GiB" # the recipe of Debian 13 for one file system needs 10 GB
}

resource "netboot_domain" "bios" {
  name            = "bios"
  arch            = "x86_64"
  memory          = "1GiB"
  disks           = [{ volume = netboot_volume.disk["bios"].id, cache = "unsafe" }]
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac("bios") }]
  rng             = true
  pxelinux_config = netboot_pxelinux_config.bios.id
  install         = local.install
  reinstall       = var.installation
  boot_check      = local.boot_check
}

resource "netboot_domain" "uefi" {
  name        = "uefi"
  arch        = "x86_64"
  firmware    = "uefi"
  memory      = "1GiB"
  disks       = [{ volume = netboot_volume.disk["uefi"].id, cache = "unsafe" }]
  interfaces  = [{ network = netboot_network.lab.name, mac = provider::netboot::mac("uefi") }]
  rng         = true
  grub_config = netboot_grub_config.uefi.id
  install     = local.install
  boot_check  = local.boot_check
}

locals {
  install = {
    until   = "shutdown"
    timeout = "90m"
    expect  = ["Installing the base system", "Installing GRUB boot loader", "Finishing the installation"]
    forbid  = ["^!! ERROR", "^-{8,}$"]
  }
  boot_check = { expect = ["login:"], timeout = "30m" }
}

output "results" {
  value = { for guest in [netboot_domain.bios, netboot_domain.uefi] : guest.name => { install = guest.install_result, boot = guest.boot_result } }
}
`

// TestInstallersDebian installs Debian by its own installer on PCs with BIOS and UEFI at the same time, which then boot from their
// disks, and installs one of them again.
func TestInstallersDebian(t *testing.T) {
	needsInstallers(t)
	leavesNothing(t)
	installer := debianMirror(t)
	c := consoleCLI(t, installsDebian)
	c.write("terraform.tfvars", fmt.Sprintf("installer = %q\n", installer))

	took := c.installs(2 * time.Hour)
	c.logRow("Debian 13, x86_64 with BIOS", "bios", took)
	c.logRow("Debian 13, x86_64 with UEFI", "uefi", took)
	c.must("plan", "-detailed-exitcode")
	for _, guest := range []string{"bios", "uefi"} {
		if err := logShows(filepath.Join(c.dir, "consoles", guest+".log"), "Installing the base system", "login:")(nil); err != nil {
			t.Error(err)
		}
	}

	c.write("again.auto.tfvars", `installation = "second"`)
	took = c.installs(2 * time.Hour)
	c.logRow("Debian 13, x86_64 with BIOS, installed again", "bios", took)
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}

// failedInstallations are changes of the configuration with which Debian's installer fails, and what the apply then says.
var failedInstallations = []struct {
	name, old, new string
	says           []string
}{
	{
		"no release on the mirror", "http/directory string /debian", "http/directory string /nothing",
		[]string{"!! ERROR: Bad archive mirror"},
	},
	{
		"a question without an answer", "d-i passwd/root-password password lab", "",
		[]string{"Root password:"},
	},
	{
		"a disk that is too small", `capacity = "12GiB"`, `capacity = "4GiB"`,
		[]string{"!! ERROR: Failed to partition the selected disk"},
	},
	{
		"a package that the mirror lacks", "http/directory string /debian", "http/directory string /lacking",
		[]string{"!! ERROR: Debootstrap"},
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
			config := strings.Replace(installsDebian, failed.old, failed.new, 1)
			if config == installsDebian {
				t.Fatalf("the configuration does not have %q", failed.old)
			}
			c := consoleCLI(t, config)
			c.write("terraform.tfvars", fmt.Sprintf("installer = %q\n", installer))
			run := c.start("apply", "-auto-approve", "-target=netboot_domain.bios")
			err := run.wait(time.Hour) // less than the timeout of the installation
			if !says(append([]string{`Unable to install domain "bios"`}, failed.says...)...).MatchString(run.output.String()) {
				t.Errorf("%v; it should say %q:\n%s", err, failed.says, run.output.String())
			}
			ended := time.Now()
			log, err := os.Stat(filepath.Join(c.dir, "consoles", "bios.log"))
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
