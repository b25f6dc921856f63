import {
  to = netboot_grub_config.default
  identity = {
    tftp_root = "srv-tftp"
    file_name = "grub.cfg-x86_64"
  }
}
