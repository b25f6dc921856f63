terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "hosts" {
  description = "libvirt hosts, by names that you choose."
  type        = map(object({ uri = string }))
  default = {
    rack1 = { uri = "qemu+ssh://root@rack1.example.org/system" }
    rack2 = { uri = "qemu+ssh://root@rack2.example.org/system" }
  }
}

variable "kernel" {}
variable "initrd" {}

provider "netboot" {
  hosts = var.hosts
}

# Each host gets the same lab. An object can use only objects on the same host.
resource "netboot_tftp_root" "lab" {
  for_each = var.hosts
  host     = each.key
  path     = "/srv/tftp-hosts"
}

resource "netboot_image" "linux" {
  for_each  = netboot_tftp_root.lab
  host      = each.key
  tftp_root = each.value.id
  name      = "linux"
  kernel    = { source = var.kernel }
  initrd    = { source = var.initrd }
}

resource "netboot_pxelinux_config" "default" {
  for_each  = netboot_image.linux
  host      = each.key
  tftp_root = each.value.tftp_root
  entries = [{
    label  = "linux"
    kernel = each.value.kernel.path
    initrd = each.value.initrd.path
  }]
}

resource "netboot_network" "lab" {
  for_each  = netboot_tftp_root.lab
  host      = each.key
  name      = "hosts"
  tftp_root = each.value.path
  ipv4 = {
    address = "192.168.159.1/24"
    dhcp    = { ranges = [{ start = "192.168.159.10", end = "192.168.159.200" }] }
  }
}

resource "netboot_domain" "guest" {
  for_each        = netboot_network.lab
  host            = each.key
  name            = "guest"
  memory          = "512MiB"
  interfaces      = [{ network = each.value.name }]
  pxelinux_config = netboot_pxelinux_config.default[each.key].id
  running         = false
}
