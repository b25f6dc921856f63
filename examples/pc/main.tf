terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "images" {
  description = "URL of a directory that contains Debian's installer for PCs, with its boot loaders."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
  files = {
    "pxelinux.0"  = { source = "${var.images}/pxelinux.0" }
    "ldlinux.c32" = { source = "${var.images}/boot-screens/ldlinux.c32" }
  }
}

resource "netboot_image" "bookworm" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bookworm-amd64"
  arch      = "x86_64"
  kernel    = { source = "${var.images}/linux" }
  initrd    = { source = "${var.images}/initrd.gz" }
}

resource "netboot_pxelinux_config" "pcs" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "x86_64"
  entries = [{
    label  = "install"
    kernel = netboot_image.bookworm.kernel.path
    initrd = netboot_image.bookworm.initrd.path
    append = ["console=ttyS0,115200", "DEBIAN_FRONTEND=text"]
  }]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }]
      boot   = [{ arch = "x86_64", bootfile = "pxelinux.0" }]
    }
  }
}

resource "netboot_volume" "disk" {
  name     = "pc.qcow2"
  capacity = "8GiB"
}

resource "netboot_domain" "pc" {
  name            = "pc"
  arch            = "x86_64"
  memory          = "2GiB"
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.disk.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.pcs.id

  boot_check = { expect = ["Linux version"], timeout = "10m" }
}
