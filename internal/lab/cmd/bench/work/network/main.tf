terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "changed" {
  default = false
}

resource "netboot_network" "bench" {
  name   = "bench"
  domain = var.changed ? "changed.test" : "bench.test"
  ipv4 = {
    address = "192.168.160.1/24"
    dhcp    = { ranges = [{ start = "192.168.160.10", end = "192.168.160.20" }] }
  }
}
