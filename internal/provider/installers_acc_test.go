package provider

import (
	"fmt"
	"os"
	"testing"

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

// TestConformanceInstallers boots Debian's real installers to their first question, and an s390x guest, at once on one network: a PC
// with BIOS, and a ppc64le guest.
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
}
resource "netboot_tftp_root" "lab" {
  path = "/srv/installers"
  files = {
    "pxelinux.0"  = { source = %[1]q, archive_path = "${local.amd64}/pxelinux.0" }
    "ldlinux.c32" = { source = %[1]q, archive_path = "${local.amd64}/boot-screens/ldlinux.c32" }
  }
}
resource "netboot_network" "lab" {
  name      = "acc"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = {
      ranges = [{ start = "192.168.151.10", end = "192.168.151.20" }]
      boot   = [{ arch = "x86_64", bootfile = "pxelinux.0" }]
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
`, debianInstaller(t, "amd64"), kernel, initrd, asks)+
		installerOf(t, "amd64", "x86_64", "linux", "")+
		installerOf(t, "ppc64el", "ppc64le", "vmlinux", `cmdline = "console=hvc0 DEBIAN_FRONTEND=text"`))
	t.Log(c.must("apply", "-auto-approve"))
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
