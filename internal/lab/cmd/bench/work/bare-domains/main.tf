terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

resource "netboot_domain" "guest" {
  count      = 50
  name       = "bench-${count.index}"
  memory     = "256MiB"
  boot       = ["network"]
  interfaces = [{ bridge = "bench" }] # which no domain needs before it runs
  running    = false
}
