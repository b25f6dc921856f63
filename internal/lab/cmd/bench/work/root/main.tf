terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "kernel" {}

variable "root" {}

variable "checksum" {
  default = null
}

resource "netboot_image" "live" {
  tftp_root = "default"
  name      = "live"
  kernel    = { source = var.kernel }
  files = {
    "root.squashfs" = { source = var.root, checksum = var.checksum }
  }
}
