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

# For every guest without its own configuration.
resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "debian"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
  }]
}

# For the guest "db1", with two entries. default chooses one of them.
resource "netboot_pxelinux_config" "db1" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("db1")
  default   = "rescue"
  entries = [
    {
      label  = "install"
      kernel = netboot_image.debian.kernel.path
      initrd = netboot_image.debian.initrd.path
      append = ["auto=true", "priority=critical", "hostname=db1"]
    },
    {
      label  = "rescue"
      kernel = netboot_image.debian.kernel.path
      initrd = netboot_image.debian.initrd.path
      append = ["rescue/enable=true"]
    },
  ]
}

# For every guest in a part of the network. content is the text of the file.
resource "netboot_pxelinux_config" "test" {
  tftp_root = netboot_tftp_root.lab.id
  ipv4      = "192.168.150.64/28"
  content   = <<-EOT
    label debian
      kernel ${netboot_image.debian.kernel.path}
      initrd ${netboot_image.debian.initrd.path}
      append DEBIAN_FRONTEND=text
  EOT
}

# For one guest, by its UUID. The kernel needs no initrd.
resource "netboot_pxelinux_config" "appliance" {
  tftp_root = netboot_tftp_root.lab.id
  uuid      = "0a1b2c3d-0000-4000-8000-00000000002a"
  entries = [{
    label  = "appliance"
    kernel = netboot_image.debian.kernel.path
    append = ["root=/dev/vda1", "rootwait"]
  }]
}
