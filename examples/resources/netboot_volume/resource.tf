resource "netboot_volume" "disk" {
  name     = "db1.qcow2"
  capacity = "8GiB" # a larger capacity grows the volume in place
}

# A base volume, and two overlays that start with its content.
resource "netboot_volume" "base" {
  name     = "base.raw"
  format   = "raw"
  capacity = "4GiB"
}

resource "netboot_volume" "node" {
  count   = 2
  name    = "node${count.index}.qcow2"
  backing = { volume = netboot_volume.base.id }
}

# A cloud image, unpacked and verified during the download, on a disk that is larger than the image.
variable "cloud_images" {
  default = "https://cloud-images.ubuntu.com/noble/current"
}

resource "netboot_volume" "cloud" {
  name     = "web1.qcow2"
  source   = "${var.cloud_images}/noble-server-cloudimg-s390x.img"
  checksum = "file:${var.cloud_images}/SHA256SUMS"
  capacity = "10GiB"
}

# An image in a tar archive.
variable "debian_images" {
  default = "https://cloud.debian.org/images/cloud/trixie/latest"
}

resource "netboot_volume" "archived" {
  name         = "power1.qcow2"
  source       = "${var.debian_images}/debian-13-generic-ppc64el.tar.xz"
  archive_path = "disk.raw"
  checksum     = "file:${var.debian_images}/SHA512SUMS"
}

# A seed that configures the guest of "cloud" at its first boot. Its content is in no plan and no state.
resource "netboot_volume" "seed" {
  name = "web1-seed"
  cloud_init = {
    user_data = <<-YAML
      #cloud-config
      hostname: web1
      ssh_authorized_keys:
        - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx... admin@example
    YAML
  }
}

# The same for Fedora CoreOS and other systems that read Ignition. The guest uses this volume as a disk with
# serial = "ignition".
resource "netboot_volume" "ignition" {
  name = "core1-ignition"
  ignition = jsonencode({
    ignition = { version = "3.4.0" }
    passwd   = { users = [{ name = "core", sshAuthorizedKeys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEx... admin@example"] }] }
  })
}
