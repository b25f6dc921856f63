resource "netboot_domain" "guest" {
  name    = "seen"
  memory  = "512MiB"
  boot    = ["disk"]
  disks   = [{ volume = netboot_volume.disk.id }]
  running = false
}

resource "netboot_volume" "disk" {
  name     = "seen.qcow2"
  capacity = "1GiB"
}

# Reads any guest of the host.
data "netboot_domain" "guest" {
  name = netboot_domain.guest.name
}

output "guest" {
  value = "${data.netboot_domain.guest.name} is ${data.netboot_domain.guest.state}"
}
