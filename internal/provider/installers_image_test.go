package provider

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

// imageInstaller installs guests from a root file system that they fetch from a web server. Its kernel and its initrd are those of the
// image, with two injected scripts.
const imageInstaller = `
variable "reinstall" {
  default = null
}
resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp-image"
}
resource "netboot_network" "lab" {
  name      = "image"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.187.1/24"
    dhcp    = { ranges = [{ start = "192.168.187.10", end = "192.168.187.20" }] }
  }
}
locals {
  system = %[1]s
  guests = { %[2]s }
}
resource "netboot_image" "system" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian"
  kernel    = { source = local.system.kernel }
  initrd = {
    source = local.system.initrd
    inject = {
      "/scripts/image" = { source = "%[3]s/boot-image" }
      "/install-image" = { source = "%[3]s/install-image" }
    }
  }
  files = { "root.squashfs" = { source = local.system.squashfs } }
}
resource "netboot_pxelinux_config" "install" {
  for_each  = local.guests
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac(each.key)
  entries = [{
    label  = "install"
    kernel = netboot_image.system.kernel.path
    initrd = netboot_image.system.initrd.path
    append = ["console=ttysclp0", "boot=image", "image=http://192.168.187.1:8087/${netboot_image.system.files["root.squashfs"].path}${each.value.suffix}"]
  }]
}
resource "netboot_volume" "disk" {
  for_each = local.guests
  name     = "image-${each.key}.qcow2"
  capacity = each.value.disk
}
resource "netboot_domain" "guest" {
  for_each        = local.guests
  name            = each.key
  memory          = "1GiB"
  disks           = [{ volume = netboot_volume.disk[each.key].id, cache = "unsafe" }]
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac(each.key) }]
  pxelinux_config = netboot_pxelinux_config.install[each.key].id

  install    = { until = "shutdown", timeout = "55m", expect = ["^installer: installed on (\\S+)"], forbid = ["Kernel panic"] }
  reinstall  = var.reinstall
  boot_check = { expect = ["login:"], forbid = ["Kernel panic", "emergency mode"], timeout = "30m" }
  timeouts   = { create = "90m", update = "90m" }
}
output "results" {
  value = { for name, guest in netboot_domain.guest : name => { install = guest.install_result, boot = guest.boot_result } }
}
`

// imageCLI has the configuration of imageInstaller for some guests.
func imageCLI(t *testing.T, guests string) *cli {
	t.Helper()
	serves(t, "/srv/tftp-image", 8087)
	scripts, err := filepath.Abs(filepath.Join(examplesDir, "install-image"))
	if err != nil {
		t.Fatal(err)
	}
	leavesNothing(t)
	return consoleCLI(t, fmt.Sprintf(imageInstaller, liveSystem(t, "s390x"), guests, scripts))
}

// TestInstallersImage installs a guest from an image that a script of the user copies onto its disk, and holds that it comes to its login
// prompt from there. Then it installs the guest again.
func TestInstallersImage(t *testing.T) {
	needsInstallers(t)
	c := imageCLI(t, `mainframe = { disk = "1GiB", suffix = "" }`)
	took := c.installs(90 * time.Minute)
	c.logRow("image of Debian 12, s390x", "mainframe", took)
	c.must("plan", "-detailed-exitcode")
	installed := logShows(filepath.Join(c.dir, "consoles", "mainframe.log"), "installer: installed on /dev/vda", "login:")
	if err := installed(nil); err != nil {
		t.Error(err)
	}

	c.write("again.auto.tfvars", `reinstall = "again"`)
	took = c.installs(90 * time.Minute)
	c.logRow("image of Debian 12, s390x, installed again", "mainframe", took)
	c.must("plan", "-detailed-exitcode")
	if err := installed(nil); err != nil { // an installation begins a new log
		t.Error(err)
	}
	c.must("destroy", "-auto-approve")
}

// TestInstallersImageGivesUp holds that the error of an installation has what the installer says before it powers the guest off.
func TestInstallersImageGivesUp(t *testing.T) {
	needsInstallers(t)
	c := imageCLI(t, `small = { disk = "64MiB", suffix = "" }, missing = { disk = "1GiB", suffix = ".xz" }`)
	run := c.start("apply", "-auto-approve")
	if err := run.wait(time.Hour); err == nil {
		t.Error("the apply should fail")
	}
	for _, texts := range [][]string{
		{"installer: chroot /tools sfdisk", "installer: failed"},
		{"installer: wget", "404 Not Found", "installer: failed"},
	} {
		if !says(texts...).MatchString(run.output.String()) {
			t.Errorf("the error should say %q:\n%s", texts, run.output.String())
		}
	}
	c.must("destroy", "-auto-approve")
}
