# The network can reserve an address before the guest exists.
resource "netboot_network" "lab" {
  name = "lab"
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges = [{ start = "192.168.150.100", end = "192.168.150.200" }]
      reservations = [{
        mac      = provider::netboot::mac("db1")
        ip       = "192.168.150.11"
        hostname = "db1"
      }]
    }
  }
}

# The second interface of a guest has its own MAC address.
output "storage_mac" {
  value = provider::netboot::mac("db1", 1)
}
