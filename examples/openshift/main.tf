terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

variable "hosts" {
  description = "libvirt hosts, by names that you choose. Each has a network of its own for the nodes on it."
  type        = map(object({ uri = string }))
  default = {
    rack1 = { uri = "qemu+ssh://root@rack1.example.org/system" }
    rack2 = { uri = "qemu+ssh://root@rack2.example.org/system" }
  }
}

variable "networks" {
  description = "First three numbers of the network on each host. Your routers must route these networks to the hosts."
  type        = map(string)
  default     = { rack1 = "192.168.161", rack2 = "192.168.162" }
}

# Memory, processors and disk are OpenShift's minimum for IBM Z. Remove the bootstrap node from the map when the control
# nodes run: openshift-install wait-for bootstrap-complete.
variable "nodes" {
  description = "The nodes of the cluster: their host, last number of the address, Ignition configuration, memory and processors."
  type        = map(object({ host = string, address = number, ignition = string, memory = string, vcpus = number }))
  default = {
    bootstrap = { host = "rack1", address = 10, ignition = "bootstrap.ign", memory = "16GiB", vcpus = 4 }
    control-1 = { host = "rack1", address = 11, ignition = "master.ign", memory = "16GiB", vcpus = 4 }
    control-2 = { host = "rack2", address = 12, ignition = "master.ign", memory = "16GiB", vcpus = 4 }
    control-3 = { host = "rack2", address = 13, ignition = "master.ign", memory = "16GiB", vcpus = 4 }
    worker-1  = { host = "rack1", address = 21, ignition = "worker.ign", memory = "8GiB", vcpus = 2 }
    worker-2  = { host = "rack2", address = 22, ignition = "worker.ign", memory = "8GiB", vcpus = 2 }
  }
}

variable "rhcos" {
  description = "URL of a directory with the files of RHEL CoreOS. The guests download its root file system from there."
  default     = "https://mirror.openshift.com/pub/openshift-v4/s390x/dependencies/rhcos/latest"
}

variable "ignition" {
  description = "URL of a directory with the files that openshift-install create ignition-configs writes."
  default     = "http://192.0.2.80/ignition"
}

variable "load_balancer" {
  description = "Address of the load balancer of the API and of the applications. It must exist before the nodes start."
  default     = "192.0.2.81"
}

variable "reinstall" {
  description = "Change this to install all nodes again. With null, they are only defined, and stay off."
  type        = string
  default     = "first"
}

locals {
  domain    = "ocp.example.org" # name of the cluster and base domain
  addresses = { for name, node in var.nodes : name => "${var.networks[node.host]}.${node.address}" }
}

provider "netboot" {
  hosts = var.hosts
}

resource "netboot_tftp_root" "lab" {
  for_each = var.hosts
  host     = each.key
  path     = "/srv/tftp-ocp"
}

# The files are downloaded once for all hosts.
resource "netboot_image" "rhcos" {
  for_each  = netboot_tftp_root.lab
  host      = each.key
  tftp_root = each.value.id
  name      = "rhcos"
  kernel    = { source = "${var.rhcos}/rhcos-live-kernel.s390x" }
  initrd    = { source = "${var.rhcos}/rhcos-live-initramfs.s390x.img" }
}

resource "netboot_network" "lab" {
  for_each  = netboot_tftp_root.lab
  host      = each.key
  name      = "ocp"
  mode      = "open"
  domain    = local.domain
  tftp_root = each.value.path
  ipv4 = {
    address = "${var.networks[each.key]}.1/24"
    dhcp = {
      reservations = [for name, node in var.nodes : {
        mac      = provider::netboot::mac("ocp-${name}")
        ip       = local.addresses[name]
        hostname = name
      } if node.host == each.key]
    }
  }
  dns = {
    # All nodes find each other, on whatever host they are.
    hosts = concat(
      [for name, address in local.addresses : { ip = address, hostnames = ["${name}.${local.domain}"] }],
      [{ ip = var.load_balancer, hostnames = ["api.${local.domain}", "api-int.${local.domain}"] }],
    )
  }
  dnsmasq_options = ["address=/apps.${local.domain}/${var.load_balancer}"]
}

# The nodes of a role differ in nothing but their address, which they get by DHCP.
resource "netboot_pxelinux_config" "node" {
  for_each  = var.nodes
  host      = each.value.host
  tftp_root = netboot_tftp_root.lab[each.value.host].id
  mac       = provider::netboot::mac("ocp-${each.key}")
  entries = [{
    label  = "rhcos"
    kernel = netboot_image.rhcos[each.value.host].kernel.path
    initrd = netboot_image.rhcos[each.value.host].initrd.path
    append = [
      "rd.neednet=1", "ip=dhcp",
      "coreos.live.rootfs_url=${var.rhcos}/rhcos-live-rootfs.s390x.img",
      "coreos.inst.install_dev=/dev/vda",
      "coreos.inst.ignition_url=${var.ignition}/${each.value.ignition}",
    ]
  }]
}

resource "netboot_volume" "node" {
  for_each = var.nodes
  host     = each.value.host
  name     = "ocp-${each.key}.qcow2"
  capacity = "100GiB"
}

# Each node installs once. When its installer reboots it, it boots from its disk.
resource "netboot_domain" "node" {
  for_each        = var.nodes
  host            = each.value.host
  name            = "ocp-${each.key}"
  memory          = each.value.memory
  vcpus           = each.value.vcpus
  disks           = [{ volume = netboot_volume.node[each.key].id }]
  interfaces      = [{ network = netboot_network.lab[each.value.host].name }]
  pxelinux_config = netboot_pxelinux_config.node[each.key].id
  install         = var.reinstall == null ? null : { until = "reboot", timeout = "1h" }
  reinstall       = var.reinstall
  running         = var.reinstall != null
  boot_check      = var.reinstall == null ? null : { expect = ["Linux version"] }
}
