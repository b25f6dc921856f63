terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "system" {
  description = "URL of a directory that contains a kernel and an initrd of a system for s390x."
}

variable "boot_arguments" {
  description = "Arguments for the kernel."
  default     = []
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

resource "netboot_image" "server" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "server"
  kernel    = { source = "${var.system}/kernel" }
  initrd    = { source = "${var.system}/initrd" }
}

resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "server"
    kernel = netboot_image.server.kernel.path
    initrd = netboot_image.server.initrd.path
    append = concat(["console=ttysclp0"], var.boot_arguments)
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

# The apply ends when the system has an address and its guest agent runs.
resource "netboot_domain" "server" {
  name            = "server"
  memory          = "1GiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id
  guest_agent     = true

  wait_for = {
    address = { prefix = "192.168.150.0/24" }
    agent   = { timeout = "10m" }
  }
}

output "address" {
  value = one(netboot_domain.server.addresses)
}
