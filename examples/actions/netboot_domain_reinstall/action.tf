resource "netboot_network" "lab" {
  name = "reinstall"
  mode = "isolated"
}

resource "netboot_volume" "disk" {
  name     = "reinstall.qcow2"
  capacity = "1GiB"
}

resource "netboot_domain" "guest" {
  name       = "reinstall"
  memory     = "512MiB"
  boot       = ["disk"]
  disks      = [{ volume = netboot_volume.disk.id }]
  interfaces = [{ network = netboot_network.lab.name }]
  running    = false
  # With install = { until = "shutdown" }, the guest is installed when it is created. The action installs it again.
}

# terraform apply -invoke=action.netboot_domain_reinstall.again
action "netboot_domain_reinstall" "again" {
  config {
    domain = netboot_domain.guest.name
  }
}
