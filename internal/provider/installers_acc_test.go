package provider

import (
	"fmt"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// debianInstaller is Debian's installer for an architecture, a package.
func debianInstaller(t *testing.T, arch string) string {
	t.Helper()
	deb, err := lab.Installer(t.Context(), arch)
	if err != nil {
		t.Fatal(err)
	}
	return deb
}

// TestConformanceInstallers boots Debian's real installers from the network, to their first question.
func TestConformanceInstallers(t *testing.T) {
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, fmt.Sprintf(`
locals {
  amd64 = "usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64"
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
resource "netboot_image" "amd64" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "amd64"
  arch      = "x86_64"
  kernel    = { source = %[1]q, archive_path = "${local.amd64}/linux" }
  initrd    = { source = %[1]q, archive_path = "${local.amd64}/initrd.gz" }
}
resource "netboot_pxelinux_config" "pc" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "x86_64"
  entries   = [{
    label  = "install"
    kernel = netboot_image.amd64.kernel.path
    initrd = netboot_image.amd64.initrd.path
    append = ["console=ttyS0,115200", "priority=low", "DEBIAN_FRONTEND=text"]
  }]
}
resource "netboot_domain" "pc" {
  name            = "pc"
  arch            = "x86_64"
  memory          = "1GiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.pc.id
  boot_check      = { expect = ["Debian installer main menu"], timeout = "15m" }
}
`, debianInstaller(t, "amd64")))
	t.Log(c.must("apply", "-auto-approve"))
	c.must("plan", "-detailed-exitcode")
	c.must("destroy", "-auto-approve")
}
