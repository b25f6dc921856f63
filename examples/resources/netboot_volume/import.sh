terraform import netboot_volume.disk default/db1.qcow2
