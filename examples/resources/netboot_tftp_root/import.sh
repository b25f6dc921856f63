terraform import netboot_tftp_root.lab srv-tftp
