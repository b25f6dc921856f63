terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "ubuntu" {
  description = "URL of Ubuntu's live server image for s390x. The guest must be able to reach it as well."
  default     = "https://cdimage.ubuntu.com/releases/24.04.3/release/ubuntu-24.04.3-live-server-s390x.iso"
}

variable "password" {
  description = "Hash of the new user's password, in the format of mkpasswd --method=SHA-512."
  sensitive   = true
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# The image contains the kernel and the initrd, and a manifest that says where they are.
resource "netboot_image" "ubuntu" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "ubuntu"
  ins       = { source = var.ubuntu, iso_path = "boot/ubuntu.ins" }
}

# The installer downloads the image into the guest's memory.
resource "netboot_pxelinux_config" "ubuntu" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("ubuntu")
  entries = [{
    label  = "install"
    kernel = netboot_image.ubuntu.kernel.path
    initrd = netboot_image.ubuntu.initrd.path
    append = ["ip=dhcp", "url=${var.ubuntu}", "autoinstall", "console=ttysclp0", "---"]
  }]
}

# A disk with the installer's answers, which the installer finds by the label. They are in no plan and no state.
resource "netboot_volume" "answers" {
  name = "ubuntu-answers"
  cloud_init = {
    user_data = join("\n", ["#cloud-config", yamlencode({
      autoinstall = {
        version  = 1
        identity = { hostname = "ubuntu", username = "ubuntu", password = var.password }
        ssh      = { install-server = true }
        storage  = { layout = { name = "direct", match = { serial = "system" } } }
        shutdown = "poweroff"
      }
    })])
  }
}

resource "netboot_volume" "system" {
  name     = "ubuntu.qcow2"
  capacity = "20GiB"
}

resource "netboot_network" "lab" {
  name      = "lab"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}

# The guest shuts down when the installation ends. With install = { until = "shutdown" } instead of boot, the apply waits for
# that, and starts the installed system.
resource "netboot_domain" "ubuntu" {
  name   = "ubuntu"
  memory = "4GiB"
  boot   = ["network"]
  disks = [
    { volume = netboot_volume.system.id, serial = "system" },
    { volume = netboot_volume.answers.id, readonly = true },
  ]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.ubuntu.id
  boot_check      = { expect = ["Linux version"] }
}
