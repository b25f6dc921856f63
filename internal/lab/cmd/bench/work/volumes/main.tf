terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

resource "netboot_volume" "disk" {
  count    = 100
  name     = "bench-${count.index}.qcow2"
  capacity = "1GiB"
}
