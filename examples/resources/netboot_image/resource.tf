variable "images" {
  description = "URL of a directory that contains Debian's installer for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

variable "kernel_checksum" {
  description = "Checksum of the kernel, such as sha256:… from the distribution's SHA256SUMS. Without a checksum, the server is trusted."
  type        = string
  default     = null
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian-12"

  kernel = {
    source   = "${var.images}/kernel.debian"
    checksum = var.kernel_checksum
  }
  initrd = {
    source = "${var.images}/initrd.debian"
  }
}

# The path for a pxelinux entry, such as debian-12-kernel-4f1c0a2b9d3e.
output "kernel" {
  value = netboot_image.debian.kernel.path
}
