package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
)

// takenOver is a configuration that imports the network acc, which does not run, with these further attributes.
func takenOver(attributes string) string {
	return "import {\n  to = netboot_network.test\n  id = \"acc\"\n}\n" + network("  running = false\n"+attributes)
}

// TestAccNetworkMacvtapOfOthers takes over a network of macvtap interfaces by a configuration that does not name its
// devices, changes autostart alone, and then names other devices.
func TestAccNetworkMacvtapOfOthers(t *testing.T) {
	needsCLI(t)
	define(t, "net-define", `<network><name>acc</name><forward dev='acc-eth0' mode='bridge'><interface dev='acc-eth0'/></forward></network>`, "net-undefine", "acc")
	const mode = "  mode = \"bridge\"\n"
	c := newCLI(t, lab.Shared(t).URI, takenOver(mode+"  autostart = false"))
	if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "1 imported, 0 added, 0 changed") {
		t.Errorf("the import changes the network:\n%s", said)
	}
	rewriteMain := func(attributes string) { c.write("main.tf", onHost(lab.Shared(t).URI)+takenOver(attributes)) }
	before := virsh(t, "net-dumpxml", "acc", "--inactive")
	rewriteMain(mode)
	c.must("apply", "-auto-approve")
	if now := virsh(t, "net-dumpxml", "acc", "--inactive"); now != before {
		t.Errorf("autostart has made of the network\n%s\nof\n%s", now, before)
	}
	expect(t, virshPrints(t, "net-info acc", "Autostart:      yes"))
	rewriteMain(mode + `  forward_devices = ["acc-eth1", "acc-eth2"]`)
	c.must("apply", "-auto-approve")
	c.must("plan", "-detailed-exitcode")
	expect(t, virshPrints(t, "net-dumpxml acc", "<forward dev='acc-eth1' mode='bridge'>", "<interface dev='acc-eth2'/>", "not acc-eth0", "not <bridge"))
	rewriteMain(mode)
	c.mustFail([]string{"plan"}, "Bridge is missing", "forward_devices")
	rewriteMain("  mode = \"bridge\"\n  bridge = \"lo\"")
	c.mustFail([]string{"plan"}, "Not a bridge", "bridge =", "forward_devices in place of bridge")
}

// TestAccNetworkLeasesOfOthers adds a reservation to networks whose leases last otherwise than usual, and changes no
// lease time by it. The plan shows the reservation and nothing else.
func TestAccNetworkLeasesOfOthers(t *testing.T) {
	needsCLI(t)
	for name, dhcp := range map[string]string{
		"an endless range": `<range start='192.168.151.2' end='192.168.151.99'><lease expiry='0' unit='hours'/></range>`,
		"a range":          `<range start='192.168.151.2' end='192.168.151.99'><lease expiry='12' unit='hours'/></range>`,
		"two of two ranges": `<range start='192.168.151.2' end='192.168.151.99'><lease expiry='30'/></range>
			<range start='192.168.151.100' end='192.168.151.120'><lease expiry='2' unit='hours'/></range>`,
		"one of two hosts": `<range start='192.168.151.2' end='192.168.151.99'/>
			<host mac='52:54:00:aa:bb:01' ip='192.168.151.201'><lease expiry='0'/></host><host name='two' ip='192.168.151.202'/>`,
	} {
		t.Run(name, func(t *testing.T) {
			define(t, "net-define", fmt.Sprintf("<network><name>acc</name><ip address='192.168.151.1' netmask='255.255.255.0'><dhcp>%s</dhcp></ip></network>", dhcp),
				"net-undefine", "acc")
			const added = `{ mac = "52:54:00:aa:bb:09", ip = "192.168.151.209" }`
			config := func(more string) string {
				ranges := []string{`{ start = "192.168.151.2", end = "192.168.151.99" }`}
				if strings.Contains(dhcp, "120") {
					ranges = append(ranges, `{ start = "192.168.151.100", end = "192.168.151.120" }`)
				}
				var reservations []string
				if strings.Contains(dhcp, "<host") {
					reservations = append(reservations, `{ mac = "52:54:00:aa:bb:01", ip = "192.168.151.201" }`, `{ hostname = "two", ip = "192.168.151.202" }`)
				}
				if more != "" {
					reservations = append(reservations, more)
				}
				listed := ""
				if reservations != nil {
					listed = "reservations = [" + strings.Join(reservations, ", ") + "]"
				}
				return takenOver(fmt.Sprintf("  mode = \"isolated\"\n  autostart = false\n  ipv4 = { address = \"192.168.151.1/24\", dhcp = {\n ranges = [%s]\n %s\n } }",
					strings.Join(ranges, ", "), listed))
			}
			c := newCLI(t, lab.Shared(t).URI, config(""))
			before := virsh(t, "net-dumpxml", "acc", "--inactive")
			if said := c.must("apply", "-auto-approve"); !strings.Contains(said, "1 imported, 0 added, 0 changed") {
				t.Errorf("the import changes the network:\n%s", said)
			}
			c.write("main.tf", onHost(lab.Shared(t).URI)+config(added))
			said := c.must("apply", "-auto-approve")
			if _, plan, _ := strings.Cut(said, "will be updated"); strings.Contains(plan, "lease_time") || strings.Contains(plan, "- ") {
				t.Errorf("the plan says more than the reservation:\n%s", plan)
			}
			c.must("plan", "-detailed-exitcode")
			now := virsh(t, "net-dumpxml", "acc", "--inactive")
			rest := strings.Replace(now, "      <host mac='52:54:00:aa:bb:09' ip='192.168.151.209'/>\n", "", 1)
			if rest == now || rest != before {
				t.Errorf("a reservation has made of the network\n%s\nof\n%s", now, before)
			}
		})
	}
}

// TestAccNetworkLeasesKnownLater has what a reservation is known by, a lease time for all, and a device known only after
// apply, and being what they were: all stays.
func TestAccNetworkLeasesKnownLater(t *testing.T) {
	needsCLI(t)
	define(t, "net-define", `<network><name>acc</name><forward dev='acc-eth0' mode='nat'/><ip address='192.168.151.1' netmask='255.255.255.0'><dhcp>
<host mac='52:54:00:aa:bb:01' ip='192.168.151.201'><lease expiry='10'/></host></dhcp></ip></network>`, "net-undefine", "acc")
	const mac, later = `"52:54:00:aa:bb:01"`, `terraform_data.later.id == "" ? `
	c := wholeCLI(t, "")
	before := virsh(t, "net-dumpxml", "acc", "--inactive")
	for i, said := range []struct{ mac, general, devices string }{
		{mac, "null", "null"},
		{later + "null : " + mac, "null", "null"},
		{mac, later + `"2h" : null`, later + `["acc-eth9"] : null`},
	} {
		// Each time the resource that the values depend on is made anew.
		c.write("main.tf", onHost(lab.Shared(t).URI)+fmt.Sprintf("resource \"terraform_data\" \"later\" { triggers_replace = %d }\n", i)+takenOver(fmt.Sprintf(`
  autostart       = false
  forward_devices = %s
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { lease_time = %s, reservations = [{ mac = %s, ip = "192.168.151.201" }] }
  }`, said.devices, said.general, said.mac)))
		c.must("apply", "-auto-approve")
		c.must("plan", "-detailed-exitcode")
		if now := virsh(t, "net-dumpxml", "acc", "--inactive"); now != before {
			t.Errorf("the network is\n%s\nand was\n%s", now, before)
		}
	}
}
