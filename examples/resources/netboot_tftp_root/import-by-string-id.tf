import {
  to = netboot_tftp_root.lab
  id = "srv-tftp"
}
