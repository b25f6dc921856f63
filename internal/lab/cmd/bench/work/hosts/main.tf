terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "resources" {}

variable "uris" {
  type = list(string)
}

provider "netboot" {
  hosts = { for i, uri in var.uris : "host${i}" => { uri = uri } }
}

resource "netboot_domain" "guest" {
  count      = var.resources
  host       = "host${count.index % length(var.uris)}"
  name       = "bench-hosts-${count.index}"
  memory     = "256MiB"
  boot       = ["network"]
  interfaces = [{ bridge = "bench" }] # a domain needs the bridge only when it runs
  running    = false
}
