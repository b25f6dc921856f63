import {
  to = netboot_image.debian
  id = "srv-tftp/debian-12"
}
