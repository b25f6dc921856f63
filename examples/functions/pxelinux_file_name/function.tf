# File names of the guests' configurations on another TFTP server.
locals {
  guests = {
    db1 = provider::netboot::mac("db1")
    web = "192.168.150.64/28"
    all = "default"
  }
}

output "paths" {
  value = {
    for guest, who in local.guests :
    guest => "pxelinux.cfg/${provider::netboot::pxelinux_file_name(who)}"
  }
}
