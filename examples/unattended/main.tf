terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "debian" {
  description = "URL of a directory that contains Debian's installer for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

variable "fedora" {
  description = "URL of Fedora's installation tree for s390x."
  default     = "https://dl.fedoraproject.org/pub/fedora-secondary/releases/43/Server/s390x/os"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# Debian's installer reads its answers from /preseed.cfg in the initrd. These are only the first of those that it needs.
resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian"
  kernel    = { source = "${var.debian}/kernel.debian" }
  initrd = {
    source = "${var.debian}/initrd.debian"
    inject = {
      "/preseed.cfg" = {
        content = <<-EOT
          d-i debian-installer/locale string en_US
          d-i s390-netdevice/choose_networktype select virtio
          d-i passwd/root-login boolean false
          d-i partman-auto/method string regular
          d-i finish-install/reboot_in_progress note
        EOT
      }
    }
  }
}

resource "netboot_pxelinux_config" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("debian")
  entries = [{
    label  = "install"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
    append = ["auto=true", "priority=critical"]
  }]
}

# For Fedora's installer, the command line names the kickstart file.
resource "netboot_image" "fedora" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "fedora"
  kernel    = { source = "${var.fedora}/images/kernel.img" }
  initrd = {
    source = "${var.fedora}/images/initrd.img"
    inject = {
      "/ks.cfg" = {
        content = <<-EOT
          text
          lang en_US.UTF-8
          keyboard us
          rootpw --lock
          zerombr
          clearpart --all --initlabel
          autopart
          reboot
        EOT
      }
    }
  }
}

resource "netboot_pxelinux_config" "fedora" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("fedora")
  entries = [{
    label  = "install"
    kernel = netboot_image.fedora.kernel.path
    initrd = netboot_image.fedora.initrd.path
    append = ["ip=dhcp", "inst.repo=${var.fedora}", "inst.ks=file:/ks.cfg"]
  }]
}
