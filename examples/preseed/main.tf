terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "images" {
  description = "URL of a directory that contains Debian's installer for PCs, with its boot loaders."
  default     = "https://deb.debian.org/debian/dists/trixie/main/installer-amd64/current/images/netboot/debian-installer/amd64"
}

variable "mirror" {
  description = "Mirror of Debian that the guests can reach by HTTP."
  default     = { host = "deb.debian.org", directory = "/debian" }
}

variable "password" {
  description = "Hash of root's password, in the format of mkpasswd --method=SHA-512. It is in the initrd, which anyone on the network can read."
  sensitive   = true
}

variable "installation" {
  description = "A change installs the guests again, which removes what is on their disks."
  default     = "first"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
  files = {
    "pxelinux.0"     = { source = "${var.images}/pxelinux.0" }
    "ldlinux.c32"    = { source = "${var.images}/boot-screens/ldlinux.c32" }
    "bootnetx64.efi" = { source = "${var.images}/bootnetx64.efi" } # Debian's shim
    "grubx64.efi"    = { source = "${var.images}/grubx64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub"]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      # dnsmasq can offer one address to two new guests that start at the same time.
      reservations = [
        { mac = provider::netboot::mac("bios"), ip = "192.168.150.10" },
        { mac = provider::netboot::mac("uefi"), ip = "192.168.150.11" },
      ]
      ranges = [{ start = "192.168.150.100", end = "192.168.150.200" }]
      boot = [
        { arch = "x86_64", bootfile = "pxelinux.0" },
        { arch = "x86_64-efi", bootfile = "bootnetx64.efi" },
      ]
    }
  }
}

# Debian's installer reads its answers from /preseed.cfg in the initrd.
resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian"
  arch      = "x86_64"
  kernel    = { source = "${var.images}/linux" }
  initrd = {
    source = "${var.images}/initrd.gz"
    inject = {
      "/preseed.cfg" = {
        content = <<-EOT
          d-i debian-installer/locale string en_US.UTF-8
          d-i keyboard-configuration/xkb-keymap select us
          d-i netcfg/get_hostname string debian
          d-i netcfg/get_domain string example.org
          d-i mirror/country string manual
          d-i mirror/http/hostname string ${var.mirror.host}
          d-i mirror/http/directory string ${var.mirror.directory}
          d-i mirror/http/proxy string
          d-i time/zone string Etc/UTC
          d-i passwd/make-user boolean false
          d-i passwd/root-password-crypted password ${var.password}
          d-i partman-auto/method string regular
          d-i partman-auto/choose_recipe select atomic
          d-i partman-partitioning/confirm_write_new_label boolean true
          d-i partman/choose_partition select finish
          d-i partman/confirm boolean true
          d-i partman/confirm_nooverwrite boolean true
          d-i pkgsel/run_tasksel boolean false
          d-i pkgsel/upgrade select none
          d-i pkgsel/update-policy select none
          popularity-contest popularity-contest/participate boolean false
          d-i grub-installer/only_debian boolean true
          d-i grub-installer/bootdev string default
          d-i grub-installer/force-efi-extra-removable boolean true
          d-i finish-install/reboot_in_progress note
          d-i debian-installer/exit/poweroff boolean true
        EOT
      }
    }
  }
}

# The installer writes what follows --- into the boot loader of the installed system, which then has a serial console too.
locals {
  entries = [{
    label  = "install"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
    append = ["auto=true", "priority=critical", "DEBIAN_FRONTEND=text", "TERM=dumb", "---", "console=ttyS0,115200"]
  }]
}

resource "netboot_pxelinux_config" "bios" {
  tftp_root = netboot_tftp_root.lab.id
  arch      = "x86_64"
  entries   = local.entries
}

resource "netboot_grub_config" "uefi" {
  tftp_root = netboot_tftp_root.lab.id
  entries   = local.entries
}

resource "netboot_volume" "disk" {
  for_each = toset(["bios", "uefi"])
  name     = "${each.key}.qcow2"
  capacity = "20GiB"
}

# A question that the answers do not cover has a line of hyphens below its title.
locals {
  install = {
    until   = "shutdown"
    timeout = "90m"
    expect  = ["Installing the base system", "Installing GRUB boot loader", "Finishing the installation"]
    forbid  = ["^!! ERROR", "^-{8,}$"]
  }
  boot_check = { expect = ["login:"], timeout = "30m" }
}

resource "netboot_domain" "bios" {
  name            = "bios"
  arch            = "x86_64"
  memory          = "1GiB"
  disks           = [{ volume = netboot_volume.disk["bios"].id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  rng             = true
  pxelinux_config = netboot_pxelinux_config.bios.id
  install         = local.install
  reinstall       = var.installation
  boot_check      = local.boot_check
}

resource "netboot_domain" "uefi" {
  name        = "uefi"
  arch        = "x86_64"
  firmware    = "uefi"
  memory      = "1GiB"
  disks       = [{ volume = netboot_volume.disk["uefi"].id }]
  interfaces  = [{ network = netboot_network.lab.name }]
  grub_config = netboot_grub_config.uefi.id
  install     = local.install
  reinstall   = var.installation
  boot_check  = local.boot_check
}
