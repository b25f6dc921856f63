terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "changed" {
  default = false
}

resource "netboot_network" "bench" {
  name = "bench"
  ipv4 = {
    address = "192.168.160.1/20"
    dhcp = {
      reservations = [for i in range(1000) : {
        mac      = format("52:54:00:00:%02x:%02x", floor(i / 256), i % 256)
        ip       = cidrhost("192.168.160.0/20", var.changed && i == 500 ? 4000 : 1000 + i)
        hostname = "guest-${i}"
      }]
    }
  }
}
