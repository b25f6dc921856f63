# terraform query -generate-config-out=found.tf writes a resource block and an import block for each object.
list "netboot_network" "all" {
  provider = netboot
}
