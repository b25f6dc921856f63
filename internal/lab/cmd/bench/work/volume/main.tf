terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "source_image" {}

resource "netboot_volume" "big" {
  name   = "big"
  format = "raw"
  source = var.source_image
}
