terraform import netboot_pxelinux_config.default srv-tftp/default
