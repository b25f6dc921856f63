package provider

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// withAgent is bootFiles with the guest agent in the initrd.
func withAgent(t *testing.T) string {
	t.Helper()
	plain, errPlain := lab.Initrd(t.Context())
	agent, errAgent := lab.AgentInitrd(t.Context())
	if err := errors.Join(errPlain, errAgent); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(bootFiles(t), fmt.Sprintf("%q", plain), fmt.Sprintf("%q", agent), 1)
}

// waiting is a guest that waits for what it becomes.
func waiting(wait string) string {
	return fmt.Sprintf(`
resource "netboot_domain" "test" {
  name            = "acc"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  guest_agent     = true
  wait_for        = %s
}
output "addresses" { value = netboot_domain.test.addresses }
`, wait)
}

// byAgent is a guest whose address the guest agent tells.
const byAgent = `
resource "netboot_domain" "agent" {
  name            = "agent"
  memory          = "512MiB"
  interfaces      = [{ network = netboot_network.lab.name }]
  pxelinux_config = netboot_pxelinux_config.test.id
  guest_agent     = true
  addresses_from  = "agent"
  wait_for        = { address = { prefix = "192.168.151.0/24" } }
}
output "by_agent" { value = netboot_domain.agent.addresses }
`

// TestAccWaitFor holds that an apply waits for the address, the agent and a port of a guest that boots from the network, whose firmware has
// a lease long before its system; that the address is in the state after it, and that the next plan is empty. The port is tried from a
// host that is reached by ssh.
func TestAccWaitFor(t *testing.T) {
	needsCLI(t)
	host, remote, err := lab.StartRemote(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(remote.Close(), host.Stop()); err != nil {
			t.Error(err)
		}
	})
	uri := fmt.Sprintf("qemu+ssh://root@%s/system?known_hosts=%s&keyfile=%s", remote.SSH, remote.KnownHosts, remote.Identity)
	c := wholeCLI(t, onHost(uri, `console_log_dir = "consoles"`)+withAgent(t)+
		entry("", bootKernel, `"netboot.wait=3", "netboot.dhcp", "netboot.agent=2", "netboot.listen=2222:4"`)+
		waiting(`{ address = { prefix = "192.168.151.0/24" }, agent = {}, port = { number = 2222 } }`)+byAgent)
	c.must("apply", "-auto-approve")
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	console, err := os.ReadFile(c.consoleLog("acc"))
	if err != nil || !says("dhcp=192.168.151.").Match(console) || !says("agent=started").Match(console) {
		t.Errorf("the apply ended before the guest was ready (%v):\n%s", err, console)
	}
	for _, output := range []string{"addresses", "by_agent"} {
		if addresses := c.must("output", "-json", output); !strings.Contains(addresses, `"192.168.151.`) {
			t.Errorf("after the first apply, %s is %s", output, addresses)
		}
	}
	c.must("plan", "-detailed-exitcode")
}

// TestAccWaitForFails holds that an apply does not wait for a guest that has ended, and shows the end of its console; and that the next
// apply boots a guest again that was not new.
func TestAccWaitForFails(t *testing.T) {
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, bootFiles(t)+entry("", bootKernel, `"netboot.then=poweroff"`))
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	guest := waiting(`{ address = { timeout = "1h" }, agent = { timeout = "1h" } }`)
	c.write("guest.tf", guest)
	c.mustFail([]string{"apply", "-auto-approve"}, `Unable to wait for domain "acc"`, "The guest ended with a power-off", "The end of the console:", "| NETBOOT-INIT: up")

	c.write("guest.tf", strings.Replace(guest, "wait_for ", "running = false\n# wait_for ", 1))
	c.must("apply", "-auto-approve")
	c.write("main.tf", onHost(lab.Shared(t).URI)+bootFiles(t)+entry("", bootKernel, `"netboot.dhcp"`))
	c.write("guest.tf", waiting(`{ agent = { timeout = "1s" } }`))
	c.mustFail([]string{"apply", "-auto-approve"}, "In wait_for.agent: after 1s, the guest agent is not connected", "next apply boots the guest again")
	c.write("guest.tf", waiting(`{ address = {} }`))
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
}

// TestAccWaitForCloudInit holds that the guest agent is asked for cloud-init, which this guest does not have.
func TestAccWaitForCloudInit(t *testing.T) {
	needsCLI(t)
	leavesNothing(t)
	c := newCLI(t, lab.Shared(t).URI, withAgent(t)+`
resource "netboot_domain" "test" {
  name        = "acc"
  memory      = "512MiB"
  kernel      = { image = netboot_image.linux.id, cmdline = "console=ttysclp0 netboot.agent" }
  guest_agent = true
  wait_for    = { cloud_init = { timeout = "1h" } }
}
`)
	t.Cleanup(func() { c.must("destroy", "-auto-approve") })
	c.mustFail([]string{"apply", "-auto-approve"}, "In wait_for.cloud_init: the guest does not have cloud-init", "| NETBOOT-INIT: agent=started")
}
