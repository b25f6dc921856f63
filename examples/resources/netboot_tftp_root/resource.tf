variable "images" {
  description = "URL of a directory that contains boot loaders for PCs."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# A second TFTP root, with its own name for its pools.
resource "netboot_tftp_root" "staging" {
  path = "/srv/tftp-staging"
  name = "staging"
}

# A TFTP root with boot loaders for PCs: PXELINUX for a BIOS, a shim and GRUB for UEFI.
resource "netboot_tftp_root" "pcs" {
  path = "/srv/tftp-pcs"
  files = {
    "pxelinux.0"     = { source = "${var.images}/pxelinux.0" }
    "ldlinux.c32"    = { source = "${var.images}/boot-screens/ldlinux.c32" }
    "bootnetx64.efi" = { source = "${var.images}/bootnetx64.efi" }
    "grubx64.efi"    = { source = "${var.images}/grubx64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub"]
}

# A network that serves the TFTP root.
resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}
