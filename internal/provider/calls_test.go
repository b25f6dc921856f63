package provider

import (
	"fmt"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccCalls holds that a plan of many objects costs a call each, and few more: on a host that is far
// away, calls are what takes time.
func TestAccCalls(t *testing.T) {
	const (
		many    = 40
		objects = 5*many + 2
		beside  = 110 // calls: fewer than two more for each object of a kind
	)
	wire, err := lab.NewWire(lab.Shared(t), "calls", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	leavesNothing(t)
	c := newCLI(t, wire.URI, fmt.Sprintf(root(`path = "/srv/boot"`)+`
locals {
  many = toset([for i in range(%d) : tostring(i)])
}

resource "netboot_image" "test" {
  for_each  = local.many
  tftp_root = netboot_tftp_root.test.id
  name      = "calls-${each.key}"
  kernel    = { source = %q }
}

resource "netboot_pxelinux_config" "test" {
  for_each  = local.many
  tftp_root = netboot_tftp_root.test.id
  ipv4      = "192.168.150.${each.key}"
  %s
}

resource "netboot_volume" "base" {
  name     = "calls-base.qcow2"
  capacity = "1GiB"
}

resource "netboot_volume" "overlay" {
  for_each = local.many
  name     = "calls-${each.key}.qcow2"
  backing  = { volume = netboot_volume.base.id }
}

resource "netboot_domain" "network" {
  for_each   = local.many
  name       = "calls-network-${each.key}"
  memory     = "512MiB"
  boot       = ["network"]
  interfaces = [{ bridge = "calls" }]
  running    = false
}

resource "netboot_domain" "disk" {
  for_each = local.many
  name     = "calls-disk-${each.key}"
  memory   = "512MiB"
  boot     = ["disk"]
  disks    = [{ volume = netboot_volume.overlay[each.key].id }]
  running  = false
}
`, many, local(t, bootFile("kernel", 70001)), oneEntry))
	c.must("apply", "-auto-approve")
	_ = wire.Calls()
	c.must("plan", "-detailed-exitcode")
	if calls := wire.Calls(); calls > objects+beside {
		t.Errorf("a plan of %d objects took %d calls", objects, calls)
	}
	c.must("destroy", "-auto-approve")
}
