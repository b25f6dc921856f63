resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# All that guests need to netboot: DHCP, and a TFTP root.
resource "netboot_network" "lab" {
  name      = "lab"
  domain    = "lab.example.com"
  tftp_root = netboot_tftp_root.lab.path

  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges     = [{ start = "192.168.150.10", end = "192.168.150.200" }]
      lease_time = "2h"
      reservations = [
        { mac = "52:54:00:12:34:56", ip = "192.168.150.5", hostname = "db1" },
      ]
    }
  }
}

# Guests on this one see each other and the host, and nothing else.
resource "netboot_network" "backend" {
  name = "backend"
  mode = "isolated"
  ipv4 = { address = "192.168.151.1/24" }
}
