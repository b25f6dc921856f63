# terraform query -generate-config-out=found.tf writes a resource block and an import block for each object.
list "netboot_volume" "all" {
  provider = netboot
}

list "netboot_volume" "default" {
  provider = netboot
  config {
    pool = "default"
  }
}
