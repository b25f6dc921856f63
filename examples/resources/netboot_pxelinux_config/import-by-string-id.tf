import {
  to = netboot_pxelinux_config.default
  id = "srv-tftp/default"
}
