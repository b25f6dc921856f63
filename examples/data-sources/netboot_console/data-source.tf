variable "kernel" {}
variable "initrd" {}

variable "append" {
  type    = list(string)
  default = ["console=ttysclp0"]
}

# A text that the guest prints repeatedly.
variable "pattern" {
  default = "load average"
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp-console"
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
    append = var.append
  }]
}

resource "netboot_network" "lab" {
  name      = "console"
  tftp_root = netboot_tftp_root.lab.path
  ipv4 = {
    address = "192.168.158.1/24"
    dhcp    = { ranges = [{ start = "192.168.158.10", end = "192.168.158.100" }] }
  }
}

resource "netboot_domain" "guest" {
  name            = "talking"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.default.id
}

# Every plan reads the console again, including the plan of a destroy, and fails if no line matches in time. So the
# pattern must match a text that the guest prints repeatedly.
data "netboot_console" "guest" {
  domain  = netboot_domain.guest.name
  until   = var.pattern
  timeout = "1m"
}

output "said" {
  value = data.netboot_console.guest.matched
}
