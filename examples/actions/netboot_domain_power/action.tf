resource "netboot_domain" "guest" {
  name    = "pressed"
  memory  = "512MiB"
  boot    = ["disk"]
  disks   = [{ volume = netboot_volume.disk.id }]
  running = false
}

resource "netboot_volume" "disk" {
  name     = "pressed.qcow2"
  capacity = "1GiB"
}

# terraform apply -invoke=action.netboot_domain_power.off
action "netboot_domain_power" "off" {
  config {
    domain  = netboot_domain.guest.name
    power   = "shutdown"
    timeout = "2m"
  }
}
