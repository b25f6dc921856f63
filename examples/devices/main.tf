terraform {
  required_providers {
    netboot = { source = "s390x-netboot/netboot" }
  }
}

# A guest of IBM Z with devices of such a host. It is only defined, not started: start it on a host that has these devices.
resource "netboot_domain" "db2" {
  name      = "db2"
  memory    = "4GiB"
  vcpus     = 2
  iothreads = 1
  rng       = true
  running   = false
  boot      = ["disk"]

  disks = [
    # a DASD, by a persistent name; the DASD itself does the caching
    { path = "/dev/disk/by-path/ccw-0.0.0100", cache = "none", io = "native", iothread = 1 },
    # a SCSI LUN that a second guest of a cluster also uses
    { path = "/dev/disk/by-id/scsi-36005076305ffc1ae0000000000002001", cache = "none", shareable = true },
    # an image in Ceph; the secret was made with "virsh secret-define"
    { url = "rbd://libvirt@ceph1.example.com:6789,ceph2.example.com:6789/guests/db2", secret = "ceph client.libvirt" },
  ]

  # an OSA adapter, shared by macvtap, and a virtual function of a RoCE adapter
  interfaces = [
    { device = "encbdf0", trust_guest_rx_filters = true },
    { pci = "0001:00:00.0", boot = false },
  ]

  # crypto: adapters and domains of a Crypto Express, combined with "mdevctl"
  hostdevs = [{ mdev = "669d9b23-fe1b-4ecb-be08-a2fabca99b71", model = "vfio-ap" }]

  # an installation medium, and an empty drive
  cdroms = [{ url = "https://mirror.example.com:443/dvd1.iso" }, {}]

  devices_xml = {
    watchdog = "<watchdog model='diag288' action='reset'/>"
  }
}
