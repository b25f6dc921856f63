terraform {
  required_providers {
    netboot = {
      source = "s390x-netboot/netboot"
    }
  }
}

# Without uri, the host is LIBVIRT_DEFAULT_URI from the environment, or else qemu:///system.
provider "netboot" {
  console_log_dir = "consoles"
}
