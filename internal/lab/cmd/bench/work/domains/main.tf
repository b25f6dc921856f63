terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

resource "netboot_volume" "disk" {
  count    = 50
  name     = "bench-${count.index}.qcow2"
  capacity = "1GiB"
}

resource "netboot_domain" "guest" {
  count   = 50
  name    = "bench-${count.index}"
  memory  = "256MiB"
  boot    = ["disk"]
  disks   = [{ volume = netboot_volume.disk[count.index].id }]
  running = false
}
