import {
  to = netboot_grub_config.default
  id = "srv-tftp/grub.cfg-x86_64"
}
