resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# What guests need to netboot: DHCP and a TFTP root.
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
        { mac = "52:54:00:12:34:56", ip = "192.168.150.5", hostname = "db1", lease_time = "infinite" },
        { hostname = "printer", ip = "192.168.150.6" }, # identified by its host name
      ]
    }
  }
}

# Guests of several architectures on one network. Each gets the bootfile that it needs; s390x guests need none.
resource "netboot_network" "shared" {
  name      = "shared"
  tftp_root = netboot_tftp_root.lab.path

  ipv4 = {
    address = "192.168.152.1/24"
    dhcp = {
      ranges = [{ start = "192.168.152.10", end = "192.168.152.200" }]
      boot = [
        { arch = "x86_64", bootfile = "pxelinux.0" },
        { arch = "x86_64-efi", bootfile = "shimx64.efi" },
        { mac = "52:54:00:12:34:57", config_file = "rescue" },
      ]
    }
  }
  ipv6 = {
    address = "fd00:152::1/64"
    dhcp    = { ranges = [{ start = "fd00:152::100", end = "fd00:152::1ff" }] }
  }
  dns = {
    hosts      = [{ ip = "192.168.152.2", hostnames = ["mirror"] }]
    forwarders = [{ domain = "corp.example.com", address = "192.0.2.53" }]
  }
}

# Guests on this network reach only each other and the host.
resource "netboot_network" "backend" {
  name = "backend"
  mode = "isolated"
  ipv4 = { address = "192.168.151.1/24" }
}

# A bridge that exists on the host. Another server provides addresses and files.
resource "netboot_network" "house" {
  name   = "house"
  mode   = "bridge"
  bridge = "br0"
}

# Guests share a network device of the host by macvtap, as is usual on IBM Z.
resource "netboot_network" "macvtap" {
  name            = "macvtap"
  mode            = "bridge"
  forward_devices = ["enc1000"]
}
