resource "netboot_volume" "disk" {
  name     = "snapshot.qcow2"
  capacity = "1GiB"
}

resource "netboot_domain" "guest" {
  name    = "snapshot"
  memory  = "512MiB"
  boot    = ["disk"]
  disks   = [{ volume = netboot_volume.disk.id }]
  running = false
}

# Once: terraform apply -invoke=action.netboot_domain_snapshot.create
action "netboot_domain_snapshot" "create" {
  config {
    domain    = netboot_domain.guest.name
    name      = "clean"
    operation = "create"
  }
}

# Before each test: terraform apply -invoke=action.netboot_domain_snapshot.revert
action "netboot_domain_snapshot" "revert" {
  config {
    domain    = netboot_domain.guest.name
    name      = "clean"
    operation = "revert"
  }
}

# Before the volume is replaced, or to make the snapshot again: terraform apply -invoke=action.netboot_domain_snapshot.delete
action "netboot_domain_snapshot" "delete" {
  config {
    domain    = netboot_domain.guest.name
    name      = "clean"
    operation = "delete"
  }
}
