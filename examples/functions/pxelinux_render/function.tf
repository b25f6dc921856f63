# The configuration of one guest, for a TFTP server that another program manages.
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
