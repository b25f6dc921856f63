terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

# Guests of four architectures boot Debian from one network. Each finds what is for its firmware.

variable "debian" {
  description = "URL of a release of Debian."
  default     = "https://deb.debian.org/debian/dists/bookworm/main"
}

variable "s390x" {
  description = "URL of a directory with a kernel and an initrd for s390x."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-s390x/current/images/generic"
}

locals {
  # Debian's names of the architectures, and the names of their kernels.
  installers = { amd64 = "linux", arm64 = "linux", ppc64el = "vmlinux" }
  arches     = { amd64 = "x86_64", arm64 = "aarch64", ppc64el = "ppc64le", s390x = "s390x" }
  netboot    = { for arch in keys(local.installers) : arch => "${var.debian}/installer-${arch}/current/images/netboot/debian-installer/${arch}" }

  by_pxelinux = {
    mainframe = { arch = "s390x", append = ["console=ttysclp0"] }
    bios      = { arch = "amd64", append = ["console=ttyS0,115200", "DEBIAN_FRONTEND=text"] }
    power     = { arch = "ppc64el", append = null }
  }
  by_grub = {
    uefi   = { arch = "amd64", firmware = "uefi", console = "ttyS0,115200" }
    secure = { arch = "amd64", firmware = "uefi-secure", console = "ttyS0,115200" }
    arm    = { arch = "arm64", firmware = "uefi", console = "ttyAMA0" }
  }
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
  files = {
    "pxelinux.0"      = { source = "${local.netboot.amd64}/pxelinux.0" }
    "ldlinux.c32"     = { source = "${local.netboot.amd64}/boot-screens/ldlinux.c32" }
    "bootnetx64.efi"  = { source = "${local.netboot.amd64}/bootnetx64.efi" }
    "grubx64.efi"     = { source = "${local.netboot.amd64}/grubx64.efi" }
    "bootnetaa64.efi" = { source = "${local.netboot.arm64}/bootnetaa64.efi" }
    "grubaa64.efi"    = { source = "${local.netboot.arm64}/grubaa64.efi" }
  }
  grub_prefixes = ["debian-installer/amd64/grub", "debian-installer/arm64/grub"]
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp = {
      ranges = [{ start = "192.168.150.100", end = "192.168.150.200" }]

      # Without reservations, dnsmasq can offer one address to two new guests that start at the same time.
      reservations = [for i, name in concat(keys(local.by_pxelinux), keys(local.by_grub)) : {
        mac = provider::netboot::mac(name)
        ip  = cidrhost("192.168.150.0/24", 10 + i)
      }]

      boot = [
        { arch = "x86_64", bootfile = "pxelinux.0" },
        { arch = "x86_64-efi", bootfile = "bootnetx64.efi" },
        { arch = "aarch64-efi", bootfile = "bootnetaa64.efi" },
      ]
    }
  }
}

resource "netboot_image" "debian" {
  for_each  = local.installers
  tftp_root = netboot_tftp_root.lab.id
  name      = each.key
  arch      = local.arches[each.key]
  kernel = {
    source  = "${local.netboot[each.key]}/${each.value}"
    cmdline = each.key == "ppc64el" ? "console=hvc0 DEBIAN_FRONTEND=text" : null
  }
  initrd = { source = "${local.netboot[each.key]}/initrd.gz" }
}

resource "netboot_image" "s390x" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "s390x"
  kernel    = { source = "${var.s390x}/kernel.debian" }
  initrd    = { source = "${var.s390x}/initrd.debian" }
}

resource "netboot_pxelinux_config" "guest" {
  for_each  = local.by_pxelinux
  tftp_root = netboot_tftp_root.lab.id
  arch      = local.arches[each.value.arch]
  mac       = provider::netboot::mac(each.key)
  entries = [{
    label  = "install"
    kernel = (each.value.arch == "s390x" ? netboot_image.s390x : netboot_image.debian[each.value.arch]).kernel.path
    initrd = (each.value.arch == "s390x" ? netboot_image.s390x : netboot_image.debian[each.value.arch]).initrd.path
    append = each.value.append
  }]
}

resource "netboot_grub_config" "guest" {
  for_each  = local.by_grub
  tftp_root = netboot_tftp_root.lab.id
  arch      = local.arches[each.value.arch]
  mac       = provider::netboot::mac(each.key)
  entries = [{
    label  = "install"
    kernel = netboot_image.debian[each.value.arch].kernel.path
    initrd = netboot_image.debian[each.value.arch].initrd.path
    append = ["console=${each.value.console}", "DEBIAN_FRONTEND=text"]
  }]
}

resource "netboot_domain" "by_pxelinux" {
  for_each        = local.by_pxelinux
  name            = each.key
  arch            = local.arches[each.value.arch]
  memory          = "1GiB"
  interfaces      = [{ network = netboot_network.lab.name, mac = provider::netboot::mac(each.key) }]
  pxelinux_config = netboot_pxelinux_config.guest[each.key].id

  boot_check = { expect = ["Linux version"], timeout = "20m" }
}

resource "netboot_domain" "by_grub" {
  for_each    = local.by_grub
  name        = each.key
  arch        = local.arches[each.value.arch]
  firmware    = each.value.firmware
  memory      = "1GiB"
  interfaces  = [{ network = netboot_network.lab.name, mac = provider::netboot::mac(each.key) }]
  grub_config = netboot_grub_config.guest[each.key].id

  boot_check = { expect = ["Linux version"], timeout = "20m" }
}
