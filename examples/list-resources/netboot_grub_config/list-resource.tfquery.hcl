# terraform query -generate-config-out=found.tf writes a resource block and an import block for each object.
list "netboot_grub_config" "all" {
  provider = netboot
}

list "netboot_grub_config" "lab" {
  provider = netboot
  config {
    tftp_root = "srv-tftp"
  }
}
