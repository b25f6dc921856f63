terraform {
  required_providers {
    netboot = {
      source = "s390x-netboot/netboot"
    }
  }
}

# Without a uri, the host is that of the environment's LIBVIRT_DEFAULT_URI, else qemu:///system.
provider "netboot" {
  console_log_dir = "consoles"
}
