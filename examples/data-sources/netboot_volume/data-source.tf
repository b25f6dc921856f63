resource "netboot_volume" "base" {
  name     = "base.qcow2"
  capacity = "1GiB"
}

# A base image that another configuration or program keeps on the host.
data "netboot_volume" "base" {
  name = netboot_volume.base.name
}

# Each guest gets a disk with this image as its backing volume.
resource "netboot_volume" "disk" {
  count   = 2
  name    = "disk-${count.index}.qcow2"
  backing = { volume = data.netboot_volume.base.id }
}
