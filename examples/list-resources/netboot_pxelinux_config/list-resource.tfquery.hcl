# terraform query -generate-config-out=found.tf writes a resource block and an import block for each object.
list "netboot_pxelinux_config" "all" {
  provider = netboot
}

list "netboot_pxelinux_config" "lab" {
  provider = netboot
  config {
    tftp_root = "srv-tftp"
  }
}
