import {
  to = netboot_pxelinux_config.default
  identity = {
    tftp_root = "srv-tftp"
    file_name = "default"
  }
}
