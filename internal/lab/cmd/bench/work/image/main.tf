terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "kernel" {}

resource "netboot_image" "big" {
  tftp_root = "default"
  name      = "big"
  kernel    = { source = var.kernel }
}
