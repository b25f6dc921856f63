resource "netboot_network" "lab" {
  name = "seen"
  ipv4 = {
    address = "192.168.157.1/24"
    dhcp    = { ranges = [{ start = "192.168.157.10", end = "192.168.157.100" }] }
  }
}

# Reads any network of the host, such as libvirt's own "default".
data "netboot_network" "lab" {
  name = netboot_network.lab.name
}

output "host_address" {
  value = data.netboot_network.lab.ipv4.address
}
