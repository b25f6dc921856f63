terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "resources" {}

resource "netboot_domain" "guest" {
  count      = var.resources
  name       = "bench-${count.index}"
  memory     = "256MiB"
  boot       = ["network"]
  interfaces = [{ bridge = "bench" }] # a domain needs the bridge only when it runs
  running    = false
}
