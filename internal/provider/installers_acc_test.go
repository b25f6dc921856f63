package provider

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// debianInstaller is Debian's installer for an architecture, by Debian's name: a package.
func debianInstaller(t *testing.T, arch string) string {
	t.Helper()
	deb, err := lab.Installer(t.Context(), arch)
	if err != nil {
		t.Fatal(err)
	}
	return deb
}

// installerOf is a configuration with the image of Debian's installer for an architecture.
func installerOf(t *testing.T, name, arch, kernel, attributes string) string {
	t.Helper()
	return fmt.Sprintf(`
resource "netboot_image" %[1]q {
  tftp_root = netboot_tftp_root.lab.id
  name      = %[1]q
  arch      = %[2]q
  kernel    = {
    source       = %[3]q
    archive_path = "${local.images}/%[1]s/text/debian-installer/%[1]s/%[4]s"
    %[5]s
  }
  initrd    = { source = %[3]q, archive_path = "${local.images}/%[1]s/text/debian-installer/%[1]s/initrd.gz" }
}
`, name, arch, debianInstaller(t, name), kernel, attributes)
}

// TestConformanceInstallers boots Debian's real installers to their first question, and an s390x guest, at once on one network: PCs with
// BIOS, UEFI and secure boot, an arm64 guest and a ppc64le guest.
func TestConformanceInstallers(t *testing.T) {
	needsCLI(t)
	if os.Getenv("NETBOOT_CONFORMANCE") != "all" {
		t.Skip("make conformance runs this: it keeps the processors busy for several minutes")
	}
	leavesNothing(t)
	lab.Need(t)
	kernel, err := lab.Kernel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	initrd, err := lab.Initrd(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const asks = "Debian installer main menu|Choose the language|Select a language"
	c := newCLI(t, lab.Shared(t).URI, fmt.Sprintf(`
locals {
  images = "usr/lib/debian-installer/images/12"
  amd64  = "${local.images}/amd64/text/debian-installer/amd64"
  arm64  = "${local.images}/arm64/text/debian-installer/arm64"
}
resource "netboot_tftp_root" "lab" {
  path = "/srv/installers"
  files = {
    "pxelinux.0"  = { source = %[1]q, archive_path = "${local.amd64}/pxelinux.0" }
    "ldlinux.c32" = { source = %[1]q, archive_path = "${local.amd64}/boot-screens/ldlinux.c32" }

    "bootnetx64.efi"  = { source = %[1]q, archive_path = "${local.amd64}/bootnetx64.efi" }
    "grubx64.efi"     = { source = %[1]q, archive_path = "${local.amd64}/grubx64.efi" }
    "bootnetaa64.efi" = { source = %[5]q, archive_path = "${local.arm64}/bootnetaa64.efi" }
    "grubaa64.efi"    = { source = %[5]q, archive_path = "${local.arm64}/grubaa64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub", "debian-installer/arm64/grub"]
}
resource "netboot_network" "lab" {
  name      = "acc"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = {
      ranges = [{ start = "192.168.151.10", end = "192.168.151.20" }]
      boot = [
        { arch = "x86_64", bootfile = "pxelinux.0" },
        { arch = "x86_64-efi", bootfile = "bootnetx64.efi" },
        { arch = "aarch64-efi", bootfile = "bootnetaa64.efi" },
      ]
    }
  }
}
resource "netboot_image" "s390x" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "s390x"
  kernel    = { source = %[2]q }
  initrd    = { source = %[3]q }
}
locals {
  pxelinux = {
    s390x = { arch = "s390x", mac = "52:54:00:15:10:01", image = netboot_image.s390x, append = ["console=ttysclp0"] }
    pc    = { arch = "x86_64", mac = "52:54:00:15:10:02", image = netboot_image.amd64, append = ["console=ttyS0,115200", "DEBIAN_FRONTEND=text"] }
    power = { arch = "ppc64le", mac = "52:54:00:15:10:03", image = netboot_image.ppc64el, append = null }
  }
}
resource "netboot_pxelinux_config" "each" {
  for_each  = local.pxelinux
  tftp_root = netboot_tftp_root.lab.id
  arch      = each.value.arch
  mac       = each.value.mac
  entries   = [{
    label  = "install"
    kernel = each.value.image.kernel.path
    initrd = each.value.image.initrd.path
    append = each.value.append
  }]
}
resource "netboot_domain" "pxelinux" {
  for_each        = local.pxelinux
  name            = each.key
  arch            = each.value.arch
  memory          = "1GiB"
  interfaces      = [{ network = netboot_network.lab.name, mac = each.value.mac }]
  pxelinux_config = netboot_pxelinux_config.each[each.key].id
  boot_check      = { expect = [each.key == "s390x" ? "NETBOOT-INIT: ready" : %[4]q], timeout = "25m" }
}
locals {
  grub = {
    uefi   = { arch = "x86_64", firmware = "uefi", mac = "52:54:00:15:10:04", image = netboot_image.amd64, console = "console=ttyS0,115200" }
    secure = { arch = "x86_64", firmware = "uefi-secure", mac = "52:54:00:15:10:05", image = netboot_image.amd64, console = "console=ttyS0,115200" }
    arm    = { arch = "aarch64", firmware = "uefi", mac = "52:54:00:15:10:06", image = netboot_image.arm64, console = "console=ttyAMA0" }
  }
}
resource "netboot_grub_config" "each" {
  for_each  = local.grub
  tftp_root = netboot_tftp_root.lab.id
  arch      = each.value.arch
  mac       = each.value.mac
  entries   = [{
    label  = "install"
    kernel = each.value.image.kernel.path
    initrd = each.value.image.initrd.path
    append = [each.value.console, "DEBIAN_FRONTEND=text"]
  }]
}
resource "netboot_domain" "grub" {
  for_each    = local.grub
  name        = each.key
  arch        = each.value.arch
  firmware    = each.value.firmware
  memory      = "1GiB"
  interfaces  = [{ network = netboot_network.lab.name, mac = each.value.mac }]
  grub_config = netboot_grub_config.each[each.key].id
  boot_check  = { expect = [%[4]q], timeout = "45m" }
  timeouts    = { create = "50m" }
}
`, debianInstaller(t, "amd64"), kernel, initrd, asks, debianInstaller(t, "arm64"))+
		installerOf(t, "amd64", "x86_64", "linux", "")+
		installerOf(t, "arm64", "aarch64", "linux", "")+
		installerOf(t, "ppc64el", "ppc64le", "vmlinux", `cmdline = "console=hvc0 DEBIAN_FRONTEND=text"`))
	c.mustWithin(time.Hour, "apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
