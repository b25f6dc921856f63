terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "loader" {
  description = "Path of the boot loader, which netboot/Makefile.pxelinux.0 of s390-tools makes on an s390x machine."
  default     = "pxelinux.0"
}

variable "images" {
  description = "URL of a directory that contains Debian's installer for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

variable "parameters" {
  description = "Arguments of the kernel, which can have more than 895 bytes together."
  type        = list(string)
  default     = []
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "loader" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "s390-tools"
  kernel    = { source = var.loader }
}

resource "netboot_image" "bookworm" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bookworm"
  kernel    = { source = "${var.images}/kernel.debian" }
  initrd    = { source = "${var.images}/initrd.debian" }
}

resource "netboot_pxelinux_config" "guest" {
  tftp_root = netboot_tftp_root.lab.id
  reader    = "s390-tools"
  mac       = provider::netboot::mac("guest")
  entries = [{
    label  = "install"
    kernel = netboot_image.bookworm.kernel.path
    initrd = netboot_image.bookworm.initrd.path
    append = concat(["console=ttysclp0"], var.parameters)
  }]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }]
      boot   = [{ mac = provider::netboot::mac("guest"), bootfile = netboot_image.loader.kernel.path }]
    }
  }
}

resource "netboot_domain" "guest" {
  name            = "guest"
  memory          = "2GiB"
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac("guest") }]
  pxelinux_config = netboot_pxelinux_config.guest.id

  boot_check = { expect = ["Linux version"], timeout = "20m" } # of the second kernel
}
