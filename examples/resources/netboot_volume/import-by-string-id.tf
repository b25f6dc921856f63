import {
  to = netboot_volume.disk
  id = "default/db1.qcow2"
}
