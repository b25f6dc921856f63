resource "netboot_volume" "disk" {
  name     = "exec.qcow2"
  capacity = "1GiB"
}

resource "netboot_domain" "guest" {
  name        = "exec"
  memory      = "512MiB"
  boot        = ["disk"]
  disks       = [{ volume = netboot_volume.disk.id }]
  guest_agent = true
  running     = false
  # The system on the disk has the package qemu-guest-agent.
}

# terraform apply -invoke=action.netboot_domain_exec.upgrade
action "netboot_domain_exec" "upgrade" {
  config {
    domain      = netboot_domain.guest.name
    command     = ["apt-get", "--yes", "upgrade"]
    environment = { DEBIAN_FRONTEND = "noninteractive" }
    timeout     = "30m"
  }
}

# terraform apply -invoke=action.netboot_domain_exec.motd
action "netboot_domain_exec" "motd" {
  config {
    domain  = netboot_domain.guest.name
    command = ["tee", "/etc/motd"]
    input   = "Managed by Terraform.\n"
  }
}
