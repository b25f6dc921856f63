import {
  to = netboot_image.debian
  identity = {
    tftp_root = "srv-tftp"
    name      = "debian-12"
  }
}
