resource "netboot_volume" "base" {
  name     = "base.qcow2"
  capacity = "1GiB"
}

# A base image that somebody else keeps on the host.
data "netboot_volume" "base" {
  name = netboot_volume.base.name
}

# Each guest gets a disk that is laid over it.
resource "netboot_volume" "disk" {
  count   = 2
  name    = "disk-${count.index}.qcow2"
  backing = { volume = data.netboot_volume.base.id }
}
