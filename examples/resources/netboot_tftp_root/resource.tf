resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# A second TFTP root, with its own name for its pools.
resource "netboot_tftp_root" "staging" {
  path = "/srv/tftp-staging"
  name = "staging"
}

# A network that serves the TFTP root.
resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}
