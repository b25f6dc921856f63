import {
  to = netboot_tftp_root.lab
  identity = {
    name = "srv-tftp"
  }
}
