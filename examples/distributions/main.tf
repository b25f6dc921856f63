terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "web" {
  description = "URL of your web server, which has what the guests download, and files that a vendor gives only to customers."
  default     = "http://192.0.2.80"
}

variable "debian_mirror" {
  description = "URL of a mirror of Debian."
  default     = "https://deb.debian.org/debian"
}

variable "fedora_tree" {
  description = "URL of Fedora's installation tree for s390x."
  default     = "https://dl.fedoraproject.org/pub/fedora-secondary/releases/43/Server/s390x/os"
}

# What each installer needs: its files, and its command line. Where iso is set, the files are in that ISO image.
locals {
  console = "console=ttysclp0"

  # What the installers find in their initrd. These answers are only the beginning of real ones.
  kickstart = <<-EOT
    text
    lang en_US.UTF-8
    keyboard us
    rootpw --lock
    zerombr
    clearpart --all --initlabel
    autopart
    poweroff
  EOT
  preseed   = <<-EOT
    d-i debian-installer/locale string en_US
    d-i s390-netdevice/choose_networktype select virtio
    d-i passwd/root-login boolean false
    d-i partman-auto/method string regular
    d-i finish-install/reboot_in_progress note
    d-i debian-installer/exit/poweroff boolean true
  EOT

  answers = {
    "rhel-10"   = { "/ks.cfg" = { content = local.kickstart } }
    "fedora"    = { "/ks.cfg" = { content = local.kickstart } }
    "debian-13" = { "/preseed.cfg" = { content = local.preseed } }
    "debian-12" = { "/preseed.cfg" = { content = local.preseed } }
  }

  debian = { for suite in ["trixie", "bookworm"] : suite => "${var.debian_mirror}/dists/${suite}/main/installer-s390x/current/images/generic" }
  agent = [
    "rd.neednet=1", "coreos.live.rootfs_url=${var.web}/agent.s390x-rootfs.img",
    "random.trust_cpu=on", "rd.luks.options=discard", "ignition.firstboot", "ignition.platform.id=metal", local.console,
  ]

  files = {
    openshift-agent = { kernel = "${var.web}/agent.s390x-kernel.img", initrd = "${var.web}/agent.s390x-initrd.img" }
    rhcos           = { kernel = "${var.web}/rhcos-live-kernel.s390x", initrd = "${var.web}/rhcos-live-initramfs.s390x.img" }
    fcos            = { kernel = "${var.web}/fedora-coreos-live-kernel.s390x", initrd = "${var.web}/fedora-coreos-live-initramfs.s390x.img" }
    rhel-10         = { kernel = "${var.web}/rhel-10/images/kernel.img", initrd = "${var.web}/rhel-10/images/initrd.img" }
    fedora          = { kernel = "${var.fedora_tree}/images/kernel.img", initrd = "${var.fedora_tree}/images/initrd.img" }
    sles-16         = { iso = "${var.web}/sles-16.iso", kernel = "boot/s390x/linux", initrd = "boot/s390x/initrd" }
    ubuntu          = { iso = "${var.web}/ubuntu-live-server-s390x.iso", kernel = "boot/kernel.ubuntu", initrd = "boot/initrd.ubuntu" }
    ubuntu-memory   = { kernel = "${var.web}/ubuntu/boot-kernel", initrd = "${var.web}/ubuntu/boot-initrd" }
    debian-13       = { kernel = "${local.debian.trixie}/kernel.debian", initrd = "${local.debian.trixie}/initrd.debian" }
    debian-12       = { kernel = "${local.debian.bookworm}/kernel.debian", initrd = "${local.debian.bookworm}/initrd.debian" }
  }

  installers = {
    openshift-agent = {
      files  = "openshift-agent"
      append = concat(["ip=dhcp"], local.agent)
    }
    openshift-agent-static = {
      files  = "openshift-agent"
      append = concat(["ip=192.168.163.11::192.168.163.1:255.255.255.0:control-1.ocp.example.org::none", "nameserver=192.168.163.1"], local.agent)
    }
    openshift-agent-fips = {
      files  = "openshift-agent"
      append = concat(["ip=dhcp", "fips=1"], local.agent)
    }
    rhcos = {
      files = "rhcos"
      append = [
        "rd.neednet=1", "ip=192.168.163.12::192.168.163.1:255.255.255.0:worker-1.ocp.example.org::none", "nameserver=192.168.163.1",
        "coreos.live.rootfs_url=${var.web}/rhcos-live-rootfs.s390x.img",
        "coreos.inst.install_dev=/dev/vda", "coreos.inst.ignition_url=${var.web}/worker.ign", local.console,
      ]
    }
    fcos-live = {
      files = "fcos"
      append = [
        "coreos.live.rootfs_url=${var.web}/fedora-coreos-live-rootfs.s390x.img",
        "ignition.firstboot", "ignition.platform.id=metal", "ignition.config.url=${var.web}/live.ign", local.console,
      ]
    }
    fcos-to-disk = {
      files = "fcos"
      append = [
        "coreos.live.rootfs_url=${var.web}/fedora-coreos-live-rootfs.s390x.img",
        "coreos.inst.install_dev=/dev/vda", "coreos.inst.ignition_url=${var.web}/fcos.ign", local.console,
      ]
    }
    rhel-10 = {
      files  = "rhel-10"
      append = ["ip=dhcp", "inst.repo=${var.web}/rhel-10", "inst.ks=file:/ks.cfg", local.console]
    }
    fedora = {
      files  = "fedora"
      append = ["ip=dhcp", "inst.repo=${var.fedora_tree}", "inst.ks=file:/ks.cfg", local.console]
    }
    sles-16 = {
      files = "sles-16"
      append = [
        "ip=dhcp", "root=live:${var.web}/sles-16.iso",
        "inst.auto=${var.web}/sles-16.json", "inst.finish=poweroff", local.console,
      ]
    }
    ubuntu-iso = {
      files = "ubuntu"
      append = [
        "ip=dhcp", "url=${var.web}/ubuntu-live-server-s390x.iso",
        "autoinstall", "ds=nocloud-net;s=${var.web}/ubuntu/", local.console, "---",
      ]
    }
    ubuntu-in-memory = {
      files = "ubuntu-memory"
      append = [
        "ro", "root=squash:${var.web}/ubuntu/squashfs", "ip=dhcp", "ip6=off",
        "overlayroot=tmpfs", "overlayroot_cfgdisk=disabled", "ds=nocloud-net;s=${var.web}/ubuntu/", local.console,
      ]
    }
    debian-13 = {
      files  = "debian-13"
      append = ["auto=true", "priority=critical", local.console]
    }
    debian-12 = {
      files  = "debian-12"
      append = ["auto=true", "priority=critical", local.console]
    }
  }
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp-distributions"
}

resource "netboot_image" "installer" {
  for_each  = local.files
  tftp_root = netboot_tftp_root.lab.id
  name      = each.key
  kernel = {
    source   = try(each.value.iso, each.value.kernel)
    iso_path = can(each.value.iso) ? each.value.kernel : null
  }
  initrd = {
    source   = try(each.value.iso, each.value.initrd)
    iso_path = can(each.value.iso) ? each.value.initrd : null
    inject   = lookup(local.answers, each.key, null)
  }
}

# The guest of each installer finds its configuration by its MAC address, which follows from its name.
resource "netboot_pxelinux_config" "installer" {
  for_each  = local.installers
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac(each.key)
  entries = [{
    label  = "install"
    kernel = netboot_image.installer[each.value.files].kernel.path
    initrd = netboot_image.installer[each.value.files].initrd.path
    append = each.value.append
  }]
}
