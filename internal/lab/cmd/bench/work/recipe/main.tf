terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "kernel" {}
variable "initrd" {}

resource "netboot_tftp_root" "lab" {
  path = "/srv/bench"
}

resource "netboot_image" "linux" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "linux"
  kernel    = { source = var.kernel }
  initrd    = { source = var.initrd }
}

resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "linux"
    kernel = netboot_image.linux.kernel.path
    initrd = netboot_image.linux.initrd.path
  }]
}

resource "netboot_network" "lab" {
  name      = "bench"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}

resource "netboot_volume" "disk" {
  name     = "bench.qcow2"
  capacity = "8GiB"
}

resource "netboot_domain" "guest" {
  name            = "bench"
  memory          = "512MiB"
  vcpus           = 2
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.disk.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id
}
