# terraform query -generate-config-out=found.tf writes a resource block and an import block for each object.
list "netboot_image" "all" {
  provider = netboot
}

list "netboot_image" "lab" {
  provider = netboot
  config {
    tftp_root = "srv-tftp"
  }
}
