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
    "bootnetx64.efi" = { source = "${var.images}/bootnetx64.efi" } # Debian's shim
    "grubx64.efi"    = { source = "${var.images}/grubx64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub"]
}

resource "netboot_image" "bookworm" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bookworm-amd64"
  arch      = "x86_64"
  kernel    = { source = "${var.images}/linux" }
  initrd    = { source = "${var.images}/initrd.gz" }
}

resource "netboot_grub_config" "pcs" {
  tftp_root = netboot_tftp_root.lab.id
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
      boot   = [{ arch = "x86_64-efi", bootfile = "bootnetx64.efi" }]
    }
  }
}

resource "netboot_domain" "pc" {
  name        = "pc"
  arch        = "x86_64"
  firmware    = "uefi-secure"
  memory      = "2GiB"
  interfaces  = [{ network = netboot_network.lab.name }]
  grub_config = netboot_grub_config.pcs.id

  boot_check = { expect = ["Linux version"], timeout = "20m" }
}
