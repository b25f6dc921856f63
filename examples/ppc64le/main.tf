terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "images" {
  description = "URL of a directory that contains Debian's installer for ppc64le."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-ppc64el/current/images/netboot/debian-installer/ppc64el"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "bookworm" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bookworm-ppc64el"
  arch      = "ppc64le"
  kernel = {
    source  = "${var.images}/vmlinux"
    cmdline = "console=hvc0 DEBIAN_FRONTEND=text" # append never reaches the kernel
  }
  initrd = { source = "${var.images}/initrd.gz" }
}

resource "netboot_pxelinux_config" "power" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "ppc64le"
  mac       = provider::netboot::mac("power")
  entries = [{
    label  = "install"
    kernel = netboot_image.bookworm.kernel.path
    initrd = netboot_image.bookworm.initrd.path
  }]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}

resource "netboot_domain" "power" {
  name            = "power"
  arch            = "ppc64le"
  memory          = "2GiB"
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac("power") }]
  pxelinux_config = netboot_pxelinux_config.power.id

  boot_check = { expect = ["Linux version"], timeout = "20m" }
}
