variable "images" {
  description = "URL of a directory that contains Debian's installer for PCs, with its boot loaders."
  default     = "https://deb.debian.org/debian/dists/bookworm/main/installer-amd64/current/images/netboot/debian-installer/amd64"
}

# grub_prefixes lets Debian's image of GRUB find the configurations below.
resource "netboot_tftp_root" "lab" {
  path          = "/srv/tftp"
  grub_prefixes = ["debian-installer/amd64/grub"]
}

resource "netboot_image" "debian" {
  tftp_root = netboot_tftp_root.lab.id
  name      = "debian-12"
  arch      = "x86_64"
  kernel    = { source = "${var.images}/linux" }
  initrd    = { source = "${var.images}/initrd.gz" }
}

# For every PC without its own configuration.
resource "netboot_grub_config" "default" {
  tftp_root = netboot_tftp_root.lab.id
  entries = [{
    label  = "debian"
    kernel = netboot_image.debian.kernel.path
    initrd = netboot_image.debian.initrd.path
    append = ["console=ttyS0,115200"]
  }]
}

# For one PC, as text in the language of GRUB.
resource "netboot_grub_config" "db1" {
  tftp_root = netboot_tftp_root.lab.id
  mac       = provider::netboot::mac("db1")
  content   = <<-EOT
    linux /${netboot_image.debian.kernel.path} console=ttyS0,115200 rescue/enable=true
    initrd /${netboot_image.debian.initrd.path}
    boot
  EOT
}
