variable "images" {
  description = "URL of a directory that contains Debian's installer for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian-12"
  kernel    = { source = "${var.images}/kernel.debian" }
  initrd    = { source = "${var.images}/initrd.debian" }
}

resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "debian"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
  }]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}

resource "netboot_volume" "db1" {
  name     = "db1.qcow2"
  capacity = "8GiB"
}

# Boots from the network. The boot check succeeds when Linux has started init.
resource "netboot_domain" "db1" {
  name            = "db1"
  memory          = "2GiB"
  vcpus           = 2
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.db1.id, serial = "root" }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id

  boot_check = {
    expect  = ["Linux version [0-9.]+", "Run /init as init process"]
    forbid  = ["Kernel panic"]
    timeout = "5m"
  }
}

# This guest is defined, but not started.
resource "netboot_domain" "spare" {
  name       = "spare"
  memory     = "1GiB"
  running    = false
  interfaces = [{ network = netboot_network.lab.name }]
}

# boot_result is null without a boot check, for example if the guest was imported or is shut off.
output "db1" {
  value = {
    mac     = netboot_domain.db1.interfaces[0].mac
    matched = try(netboot_domain.db1.boot_result.matched, null)
    seconds = try(netboot_domain.db1.boot_result.seconds, null)
  }
}
