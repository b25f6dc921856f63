# The configuration of one guest, for a TFTP server that something else fills.
output "configuration" {
  value = provider::netboot::pxelinux_render({
    default = "install"
    entries = [
      {
        label  = "install"
        kernel = "debian/kernel"
        initrd = "debian/initrd"
        append = ["auto=true", "priority=critical", "hostname=db1"]
      },
      {
        label  = "rescue"
        kernel = "debian/kernel"
        initrd = "debian/initrd"
        append = ["rescue/enable=true"]
      },
    ]
  })
}
