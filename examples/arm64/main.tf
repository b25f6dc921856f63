terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "images" {
  description = "URL of a directory that contains Debian's installer for arm64, with its boot loaders."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-arm64/current/images/netboot/debian-installer/arm64"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
  files = {
    "bootnetaa64.efi" = { source = "${var.images}/bootnetaa64.efi" } # Debian's shim
    "grubaa64.efi"    = { source = "${var.images}/grubaa64.efi" }
  }
  grub_prefixes = ["debian-installer/arm64/grub"]
}

resource "netboot_image" "bookworm" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bookworm-arm64"
  arch      = "aarch64"
  kernel    = { source = "${var.images}/linux" }
  initrd    = { source = "${var.images}/initrd.gz" }
}

resource "netboot_grub_config" "arm64" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "aarch64"
  entries = [{
    label  = "install"
    kernel = netboot_image.bookworm.kernel.path
    initrd = netboot_image.bookworm.initrd.path
    append = ["console=ttyAMA0", "DEBIAN_FRONTEND=text"]
  }]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }]
      boot   = [{ arch = "aarch64-efi", bootfile = "bootnetaa64.efi" }]
    }
  }
}

resource "netboot_domain" "arm64" {
  name        = "arm64"
  arch        = "aarch64"
  memory      = "2GiB"
  interfaces  = [{ network = netboot_network.lab.name }]
  grub_config = netboot_grub_config.arm64.id

  boot_check = { expect = ["Linux version"], timeout = "20m" }
}
