locals {
  # file("default") works as well.
  found = provider::netboot::pxelinux_parse(<<-EOT
    prompt 0
    default debian
    label debian
      kernel debian/kernel
      initrd debian/initrd
      append auto=true priority=critical
  EOT
  )
}

# Lines that the firmware ignores: line 1.
output "problems" {
  value = local.found.problems
}

resource "netboot_tftp_root" "lab" {
  path = "/srv/tftp"
}

# The same configuration, as the firmware reads it.
resource "netboot_pxelinux_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  default   = local.found.default
  entries   = local.found.entries
}
