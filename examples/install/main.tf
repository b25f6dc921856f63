terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "installer" {
  description = "URL of a directory that contains Debian's installer for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

variable "arguments" {
  description = "Arguments for the installer on the kernel's command line."
  type        = list(string)
  default     = ["auto=true", "priority=critical"]
}

variable "password" {
  description = "Hash of the new user's password, in the format of mkpasswd --method=SHA-512. It is in the initrd, which anyone on the network can read."
  sensitive   = true
}

variable "installation" {
  description = "Change this to install the guest again."
  default     = "first"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# The installer reads its answers from /preseed.cfg, and powers off when it ends.
resource "netboot_image" "installer" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian-installer"
  kernel    = { source = "${var.installer}/kernel.debian" }
  initrd = {
    source = "${var.installer}/initrd.debian"
    inject = {
      "/preseed.cfg" = {
        content = <<-EOT
          d-i debian-installer/locale string en_US
          d-i s390-netdevice/choose_networktype select virtio
          d-i passwd/root-login boolean false
          d-i passwd/user-fullname string Debian
          d-i passwd/username string debian
          d-i passwd/user-password-crypted password ${var.password}
          d-i partman-auto/method string regular
          d-i partman-auto/choose_recipe select atomic
          d-i partman-partitioning/confirm_write_new_label boolean true
          d-i partman/choose_partition select finish
          d-i partman/confirm boolean true
          d-i partman/confirm_nooverwrite boolean true
          d-i finish-install/reboot_in_progress note
          d-i debian-installer/exit/poweroff boolean true
        EOT
      }
    }
  }
}

resource "netboot_pxelinux_config" "installer" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("db1")
  entries = [{
    label  = "install"
    kernel = netboot_image.installer.kernel.path
    initrd = netboot_image.installer.initrd.path
    append = concat(["console=ttysclp0"], var.arguments)
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

# Boots from the network once. After the installer powered it off, it boots from its disk.
resource "netboot_domain" "db1" {
  name            = "db1"
  memory          = "2GiB"
  vcpus           = 2
  disks           = [{ volume = netboot_volume.db1.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.installer.id

  install = {
    until   = "shutdown"
    timeout = "2h"
    forbid  = ["installation step failed", "\\[!!\\]"]
  }
  reinstall = var.installation

  # Checks the boot from disk.
  boot_check = {
    expect = ["Using virtio-blk", "Linux version [0-9.]+"]
    forbid = ["Network boot"]
  }
}

output "installed" {
  value = netboot_domain.db1.installed
}
