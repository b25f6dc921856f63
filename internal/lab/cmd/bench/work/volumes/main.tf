terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "resources" {}

resource "netboot_volume" "disk" {
  count    = var.resources
  name     = "bench-${count.index}.qcow2"
  capacity = "1GiB"
}
