terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

# No server answers on this network, so the guest stays in its firmware.
resource "netboot_network" "bench" {
  name      = "bench"
  mode      = "isolated"
  autostart = false
}

# The apply ends with the first line of the console.
resource "netboot_domain" "bench" {
  name       = "bench"
  memory     = "512MiB"
  interfaces = [{ network = netboot_network.bench.name }]
  boot_check = { expect = ["LOADPARM"] }
}
