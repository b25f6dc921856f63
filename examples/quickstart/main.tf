# All parts of a netboot: the files that the firmware loads, the configuration that names them, the network that serves
# them, and a guest that boots. `make demo` applies this with its own kernel and initrd.

terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

provider "netboot" {
  console_log_dir = var.console_log_dir
}

resource "netboot_tftp_root" "lab" {
  path = var.tftp_root
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
    append = ["console=ttysclp0"]
  }]
}

resource "netboot_network" "lab" {
  name      = "netboot-quickstart"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.150.1/24"
    dhcp    = { ranges = [{ start = "192.168.150.10", end = "192.168.150.200" }] }
  }
}

resource "netboot_volume" "disk" {
  name     = "netboot-quickstart.qcow2"
  capacity = "8GiB"
}

resource "netboot_domain" "guest" {
  name            = "netboot-quickstart"
  memory          = "512MiB"
  vcpus           = 2
  boot            = ["network", "disk"]
  disks           = [{ volume = netboot_volume.disk.id }]
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id # creates the configuration before the guest

  boot_check = {
    expect  = ["Linux version", "Run /init as init process"]
    forbid  = ["Kernel panic"]
    timeout = "5m"
  }
}

output "booted" {
  description = "Text that the boot check matched on the guest's console."
  value       = try(netboot_domain.guest.boot_result.matched, null)
}
