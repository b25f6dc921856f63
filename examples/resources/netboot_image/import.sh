terraform import netboot_image.debian srv-tftp/debian-12
