locals {
  # generic.ins from Fedora's installation tree for s390x.
  manifest = provider::netboot::ins_parse(<<-EOT
    * minimal lpar ins file
    images/kernel.img 0x00000000
    images/initrd.img 0x02000000
    images/genericdvd.prm 0x00010480
    images/initrd.addrsize 0x00010408
  EOT
  )
}

output "boot_files" {
  value = {
    kernel     = local.manifest.kernel
    initrd     = local.manifest.initrd
    parameters = local.manifest.parameters
  }
}
