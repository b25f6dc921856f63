terraform import netboot_grub_config.default srv-tftp/grub.cfg-x86_64
