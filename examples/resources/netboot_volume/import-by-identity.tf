import {
  to = netboot_volume.disk
  identity = {
    pool = "default"
    name = "db1.qcow2"
  }
}
