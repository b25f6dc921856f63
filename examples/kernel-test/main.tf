# Boots one kernel with three command lines in parallel, and outputs what each guest printed.
#
#   terraform init && terraform test      (or: tofu init && tofu test)
#
# kernel.tftest.hcl checks what the guests printed.

terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "kernel" {
  description = "The kernel to test: URL or path of an s390x kernel image."
  type        = string
}

variable "initrd" {
  description = "URL or path of an initrd for the kernel."
  type        = string
}

variable "command_lines" {
  description = "Kernel command lines, by the name of a guest for each."
  type        = map(list(string))
  default = {
    plain       = []
    one-cpu     = ["maxcpus=1"]
    less-memory = ["mem=256M"]
  }
}

# The host is LIBVIRT_DEFAULT_URI from the environment, or else qemu:///system.
provider "netboot" {}

resource "netboot_tftp_root" "test" {
  path = "/srv/tftp-kernel-test"
}

resource "netboot_image" "kernel" {
  tftp_root = netboot_tftp_root.test.id
  name      = "kernel-test"
  kernel    = { source = var.kernel }
  initrd    = { source = var.initrd }
}

resource "netboot_network" "test" {
  name      = "kernel-test"
  mode      = "isolated"
  tftp_root = netboot_tftp_root.test.path
  ipv4 = {
    address = "192.168.153.1/24"
    dhcp    = { ranges = [{ start = "192.168.153.10", end = "192.168.153.200" }] }
  }
}

# A configuration for each guest. The firmware finds it by the guest's MAC address.
resource "netboot_pxelinux_config" "guest" {
  for_each  = var.command_lines
  tftp_root = netboot_tftp_root.test.id
  mac       = provider::netboot::mac("kernel-test-${each.key}")
  entries = [{
    label  = each.key
    kernel = netboot_image.kernel.kernel.path
    initrd = netboot_image.kernel.initrd.path
    append = concat(["console=ttysclp0"], each.value)
  }]
}

resource "netboot_domain" "guest" {
  for_each        = var.command_lines
  name            = "kernel-test-${each.key}"
  memory          = "512MiB"
  vcpus           = 2
  interfaces      = [{ network = netboot_network.test.name }]
  pxelinux_config = netboot_pxelinux_config.guest[each.key].id

  boot_check = {
    expect = [
      "Linux version ([0-9]+)[.]([0-9]+)",
      "Kernel command line: (.*)",
      "smp: Brought up [0-9]+ nodes?, ([0-9]+) CPUs?",
      "Memory: [0-9]+K/([0-9]+)K available",
      "Run (/[^ ]+) as init process",
    ]
    forbid  = ["Kernel panic", "Oops", "BUG:", "WARNING:", "Call Trace", "Unable to handle kernel"]
    timeout = "5m"
  }
}

# The groups that the patterns matched, by guest.
output "boots" {
  value = {
    for name, guest in netboot_domain.guest : name => {
      version      = guest.boot_result.groups[0]
      command_line = guest.boot_result.groups[1][0]
      cpus         = tonumber(guest.boot_result.groups[2][0])
      memory_kib   = tonumber(guest.boot_result.groups[3][0])
      init         = guest.boot_result.groups[4][0]
      config       = guest.boot_result.config
      seconds      = guest.boot_result.stages
    } if guest.boot_result != null
  }
}
