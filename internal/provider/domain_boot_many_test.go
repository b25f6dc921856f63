package provider

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

const manyGuests = 20

// TestAccDomainManyBoots boots guests side by side, each watched over a connection of its own beside the
// one for calls that each of the CLI's two phases opens. They get addresses at once and then give up, because firmware that waits
// for DHCP takes a whole processor.
func TestAccDomainManyBoots(t *testing.T) {
	leavesNothing(t)
	w := newWire(t)
	c := newCLI(t, w.uri, fmt.Sprintf(`
locals {
  macs = [for i in range(%d) : format("52:54:00:00:01:%%02x", i)]
}
resource "netboot_network" "lab" {
  name = "acc"
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { reservations = [for i, mac in local.macs : { mac = mac, ip = "192.168.151.${10 + i}" }] }
  }
}
`, manyGuests))
	c.must("apply", "-auto-approve")
	before := w.connections()
	c.write("guests.tf", fmt.Sprintf(`
resource "netboot_domain" "test" {
  count      = %d
  name       = "acc-${count.index}"
  memory     = "256MiB"
  interfaces = [{ network = netboot_network.lab.name, mac = local.macs[count.index] }]
  boot_check = { expect = ["Network boot (device) detected"] }
}
output "groups" { value = distinct(netboot_domain.test[*].boot_result.groups) }
`, manyGuests))
	run := c.start("apply", "-auto-approve", fmt.Sprintf("-parallelism=%d", manyGuests))
	if err := run.wait(4 * time.Minute); err != nil {
		t.Errorf("%v\n%s", err, run.output.String())
	}
	for i := range manyGuests { // most have given up by now
		_, _ = lab.Shared(t).Virsh(t.Context(), "destroy", fmt.Sprintf("acc-%d", i))
	}
	if got := w.connections() - before; got != manyGuests+2 {
		t.Errorf("%d guests took %d connections, want one each and two", manyGuests, got)
	}
	if got := c.must("output", "-json", "groups"); strings.Join(strings.Fields(got), "") != `[[["device"]]]` {
		t.Errorf("the groups are %s", got)
	}
	c.must("destroy", "-auto-approve")
}
