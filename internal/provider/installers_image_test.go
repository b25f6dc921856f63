package provider

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// imageInstaller installs guests from a root file system that they fetch from a web server. Its kernel and its initrd are those of the
// image, with two injected scripts.
const imageInstaller = `
variable "reinstall" {
  default = null
}
resource "netboot_tftp_root" "lab" {
  path          = "/srv/tftp-image"
  files         = { "grubnetaa64.efi" = { source = "%[4]s" } }
  grub_prefixes = ["grub"]
}
resource "netboot_network" "lab" {
  name      = "image"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.187.1/24"
    dhcp = {
      ranges = [{ start = "192.168.187.10", end = "192.168.187.20" }]
      boot   = [{ arch = "aarch64-efi", bootfile = "grubnetaa64.efi" }]
    }
  }
}
locals {
  systems = { %[1]s }
  guests  = { %[2]s }
}
resource "netboot_image" "system" {
  for_each  = local.systems
  tftp_root = netboot_tftp_root.lab.id
  name      = each.key
  arch      = each.key
  kernel    = { source = each.value.kernel }
  initrd = {
    source = each.value.initrd
    inject = {
      "/scripts/image" = { source = "%[3]s/boot-image" }
      "/install-image" = { source = "%[3]s/install-image" }
    }
  }
  files = { "root.squashfs" = { source = each.value.squashfs } }
}
locals {
  entries = {
    for name, guest in local.guests : name => [{
      label  = "install"
      kernel = netboot_image.system[guest.arch].kernel.path
      initrd = netboot_image.system[guest.arch].initrd.path
      append = [
        "console=${guest.arch == "s390x" ? "ttysclp0" : "ttyAMA0"}", "boot=image",
        "image=http://192.168.187.1:8087/${netboot_image.system[guest.arch].files["root.squashfs"].path}${guest.suffix}",
      ]
    }]
  }
}
resource "netboot_pxelinux_config" "install" {
  for_each  = { for name, guest in local.guests : name => guest if guest.arch == "s390x" }
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac(each.key)
  entries   = local.entries[each.key]
}
resource "netboot_grub_config" "install" {
  for_each  = { for name, guest in local.guests : name => guest if guest.arch == "aarch64" }
  tftp_root = netboot_tftp_root.lab.id
  arch      = each.value.arch
  mac       = provider::netboot::mac(each.key)
  entries   = local.entries[each.key]
}
resource "netboot_volume" "disk" {
  for_each = local.guests
  name     = "image-${each.key}.qcow2"
  capacity = each.value.disk
}
resource "netboot_domain" "guest" {
  for_each        = local.guests
  name            = each.key
  arch            = each.value.arch
  memory          = "1GiB"
  disks           = [{ volume = netboot_volume.disk[each.key].id, cache = "unsafe" }]
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac(each.key) }]
  pxelinux_config = try(netboot_pxelinux_config.install[each.key].id, null)
  grub_config     = try(netboot_grub_config.install[each.key].id, null)

  install    = { until = "shutdown", timeout = "55m", expect = ["^installer: installed on (\\S+)"], forbid = ["Kernel panic"] }
  reinstall  = each.value.reinstall
  boot_check = { expect = ["login:"], forbid = ["Kernel panic", "emergency mode"], timeout = "30m" }
  timeouts   = { create = "90m", update = "90m" }
}
output "results" {
  value = { for name, guest in netboot_domain.guest : name => { install = guest.install_result, boot = guest.boot_result } }
}
`

// imageCLI has the configuration of imageInstaller for some guests of some architectures.
func imageCLI(t *testing.T, systems, guests string) *cli {
	t.Helper()
	serves(t, "/srv/tftp-image", 8087)
	scripts, err := filepath.Abs(filepath.Join(examplesDir, "install-image"))
	if err != nil {
		t.Fatal(err)
	}
	grub, err := lab.ArmGRUB(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	leavesNothing(t)
	return consoleCLI(t, fmt.Sprintf(imageInstaller, systems, guests, scripts, grub))
}

// TestInstallersImage installs guests from an image that a script of the user copies onto their disks, and holds that each comes to its
// login prompt from there: by zipl, and by GRUB. Then it installs one of them again.
func TestInstallersImage(t *testing.T) {
	needsInstallers(t)
	systems := fmt.Sprintf("s390x = %s, aarch64 = %s", liveSystem(t, "s390x"), liveSystem(t, "arm64"))
	c := imageCLI(t, systems, `
    mainframe = { arch = "s390x", disk = "1GiB", suffix = "", reinstall = var.reinstall }
    arm       = { arch = "aarch64", disk = "1GiB", suffix = "", reinstall = null }
  `)
	took := c.installs(90 * time.Minute)
	c.logRow("image of Debian 12, s390x", "mainframe", took)
	c.logRow("image of Debian 12, arm64", "arm", took)
	c.must("plan", "-detailed-exitcode")
	installed := func(guest string) {
		t.Helper()
		c.consoleShows(guest, "installer: installed on /dev/vda", "login:")
	}
	installed("mainframe")
	installed("arm")

	c.write("again.auto.tfvars", `reinstall = "again"`)
	took = c.installs(90 * time.Minute)
	c.logRow("image of Debian 12, s390x, installed again", "mainframe", took)
	c.must("plan", "-detailed-exitcode")
	installed("mainframe") // an installation begins a new log
	c.must("destroy", "-auto-approve")
}

// TestInstallersImageGivesUp holds that the error of an installation has what the installer says before it powers the guest off.
func TestInstallersImageGivesUp(t *testing.T) {
	needsInstallers(t)
	c := imageCLI(t, "s390x = "+liveSystem(t, "s390x"), `
    small   = { arch = "s390x", disk = "1MiB", suffix = "", reinstall = null }
    missing = { arch = "s390x", disk = "1GiB", suffix = ".xz", reinstall = null }
  `)
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
