# terraform query -generate-config-out=found.tf writes a resource and an import block for each.
list "netboot_network" "all" {
  provider = netboot
}
