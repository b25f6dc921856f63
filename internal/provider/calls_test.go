package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// TestAccCalls holds that a plan of many objects costs a call each, and few more: on a host that is far
// away, calls are what takes time.
func TestAccCalls(t *testing.T) {
	const (
		many    = 30
		objects = 5*many + 2
		beside  = 110 // calls: about 90, and fewer than another one for each object of a kind
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

// TestAccCallsOfOthers takes over all guests and networks of a host at once: an import costs a call for each of them and
// of the guests' volumes, and a plan one for each of them.
func TestAccCallsOfOthers(t *testing.T) {
	const (
		many   = 40  // of each kind
		beside = 110 // as above, about 100
	)
	wire, err := lab.NewWire(lab.Shared(t), "others", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	leavesNothing(t)
	makeDir(t, "/srv/acc", 0o755)
	virsh(t, "pool-create-as", "acc", "dir", "--target", "/srv/acc")
	t.Cleanup(func() { virsh(t, "pool-destroy", "acc") })
	var imports strings.Builder
	for i := range many {
		name := fmt.Sprintf("others-%d", i)
		virsh(t, "vol-create-as", "acc", name, "1M", "--format", "qcow2")
		t.Cleanup(func() { virsh(t, "vol-delete", name, "--pool", "acc") })
		virsh(t, "net-define", writeFile(t, fmt.Sprintf(`<network><name>%s</name><forward mode='bridge'/><bridge name='br0'/></network>`, name)))
		t.Cleanup(func() { virsh(t, "net-undefine", name) })
		virsh(t, "define", writeFile(t, fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>512</memory><vcpu>1</vcpu>
			<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type><boot dev='hd'/></os>
			<devices><disk type='file'><driver name='qemu' type='qcow2'/><source file='/srv/acc/%s'/><target dev='vda' bus='virtio'/></disk>
			<interface type='network'><source network='%s'/><model type='virtio'/></interface></devices></domain>`, name, name, name)))
		t.Cleanup(func() { virsh(t, "undefine", name) })
		fmt.Fprintf(&imports, "import {\n  to = netboot_network.%s\n  id = %q\n}\nimport {\n  to = netboot_domain.%s\n  id = %q\n}\n", name, name, name, name)
	}
	c := newCLI(t, wire.URI, imports.String())
	_ = wire.Calls()
	c.must("plan", "-generate-config-out=generated.tf")
	if calls := wire.Calls(); calls > 3*many+beside { // of guests, networks, and volumes, whose formats are read
		t.Errorf("an import of %d objects took %d calls", 2*many, calls)
	}
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", 2*many)) {
		t.Errorf("the import changes something:\n%.2000s", said)
	}
	_ = wire.Calls()
	c.must("plan", "-detailed-exitcode")
	if calls := wire.Calls(); calls > 2*many+beside {
		t.Errorf("a plan of %d objects took %d calls", 2*many, calls)
	}
}
