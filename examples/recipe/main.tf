terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "images" {
  description = "URL of a directory that contains Ubuntu's installer for s390x."
  default     = "http://ports.ubuntu.com/ubuntu-ports/dists/bionic/main/installer-s390x/current/images/generic"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "bionic" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "bionic"
  kernel    = { source = "${var.images}/kernel.ubuntu" }
  initrd    = { source = "${var.images}/initrd.ubuntu" }
}

resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "ubuntu"
    kernel = netboot_image.bionic.kernel.path
    initrd = netboot_image.bionic.initrd.path
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

resource "netboot_volume" "disk" {
  name     = "blog-netboot.qcow2"
  capacity = "8GiB"
}

resource "netboot_domain" "guest" {
  name            = "blog-netboot"
  memory          = "2GiB"
  vcpus           = 2
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.disk.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id # creates the configuration before the guest

  boot_check = {
    expect  = ["Linux version"]
    timeout = "5m"
  }
}

output "booted" {
  value = try(netboot_domain.guest.boot_result.matched, null)
}
