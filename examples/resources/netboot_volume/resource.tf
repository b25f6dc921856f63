resource "netboot_volume" "disk" {
  name     = "db1.qcow2"
  capacity = "8GiB" # a larger one grows the volume in place
}

# A base, and two overlays that begin with its content.
resource "netboot_volume" "base" {
  name     = "base.raw"
  format   = "raw"
  capacity = "4GiB"
}

resource "netboot_volume" "node" {
  count   = 2
  name    = "node${count.index}.qcow2"
  backing = { volume = netboot_volume.base.id }
}
