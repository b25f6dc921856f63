package provider

import (
	"fmt"
	"os"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
)

const testNetwork = "netboot_network.test"

// network is a configuration with one network "acc" of these further attributes.
func network(attributes string) string {
	return fmt.Sprintf("resource \"netboot_network\" \"test\" {\n  name = \"acc\"\n%s\n}\n", attributes)
}

const everyNetworkAttribute = `
  mode      = "nat"
  bridge    = "virbr-acc"
  domain    = "acc.test"
  mtu       = 1600
  autostart = false
  tftp_root = "/srv/tftp-net"
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp = {
      ranges = [
        { start = "192.168.151.10", end = "192.168.151.20" },
        { start = "192.168.151.30", end = "192.168.151.40" },
      ]
      reservations = [
        { mac = "52:54:00:aa:bb:01", ip = "192.168.151.5", hostname = "one" },
        { mac = "52:54:00:aa:bb:02", ip = "192.168.151.6" },
      ]
      bootfile    = "boot.img"
      next_server = "192.168.151.2"
      lease_time  = "1h30m0s"
    }
  }`

func TestAccNetwork(t *testing.T) {
	makeDir(t, "/srv/tftp-net", 0o755)
	steps := []resource.TestStep{{
		Config: network(everyNetworkAttribute),
		ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionCreate,
			plancheck.ExpectKnownValue(testNetwork, tfjsonpath.New("id"), knownvalue.StringExact("acc")),
			plancheck.ExpectUnknownValue(testNetwork, tfjsonpath.New("uuid"))),
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectIdentity(testNetwork, map[string]knownvalue.Check{"name": knownvalue.StringExact("acc")}),
		},
		Check: resource.ComposeTestCheckFunc(
			virshPrints(t, "net-info acc", "Active:         yes", "Autostart:      no"),
			virshPrints(t, "net-dumpxml acc", "<forward mode='nat'", "<bridge name='virbr-acc'", "<mtu size='1600'/>", "<domain name='acc.test'/>",
				"<ip address='192.168.151.1' prefix='24'>", "<tftp root='/srv/tftp-net'/>",
				"<range start='192.168.151.10' end='192.168.151.20'>", "<range start='192.168.151.30' end='192.168.151.40'>",
				"<host mac='52:54:00:aa:bb:01' name='one' ip='192.168.151.5'>", "<host mac='52:54:00:aa:bb:02' ip='192.168.151.6'>",
				"<bootp file='boot.img' server='192.168.151.2'/>", "<lease expiry='5400' unit='seconds'/>"),
		),
	}}
	steps = append(steps, imports(testNetwork, "acc")...)
	steps = append(steps,
		resource.TestStep{ResourceName: testNetwork, ImportState: true, ImportStateId: "nobody", ExpectError: says("Cannot import non-existent remote object")},
		resource.TestStep{
			// What is left out is taken away, on the host and from what runs.
			Config:           network(`mode = "isolated"`),
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionUpdate),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "net-info acc", "Autostart:      yes"),
				virshPrints(t, "net-dumpxml acc", "<bridge name='virbr-acc'", "not <forward", "not <ip", "not <mtu", "not <domain"),
				virshPrints(t, "net-dumpxml --inactive acc", "not <forward", "not <ip", "not <mtu", "not <domain"),
			),
		},
		resource.TestStep{
			Config: `resource "netboot_network" "test" {
  name = "acc-renamed"
  mode = "isolated"
}`,
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            virshPrints(t, "net-list --all --name", "acc-renamed\n", "not acc\n"),
		},
	)
	acceptance(t, steps...)
}

func TestAccNetworkModes(t *testing.T) {
	var steps []resource.TestStep
	for mode, forward := range map[string]string{"nat": "<forward mode='nat'", "route": "<forward mode='route'/>", "open": "<forward mode='open'/>", "isolated": "not <forward"} {
		steps = append(steps, resource.TestStep{
			Config: network(fmt.Sprintf("mode = %q\n ipv4 = { address = \"192.168.151.1/24\" }", mode)),
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "net-dumpxml acc", forward),
				virshPrints(t, "net-dumpxml --inactive acc", forward),
				resource.TestCheckResourceAttr(testNetwork, "mode", mode),
			),
		})
	}
	acceptance(t, steps...)
}

// dhcpNetwork is a network with a range that ends at an address, and more DHCP.
func dhcpNetwork(root, end, more string) string {
	return network(fmt.Sprintf(`
  tftp_root = %q
  ipv4 = {
    address = "192.168.151.1/24"
    dhcp    = { ranges = [{ start = "192.168.151.10", end = %q }], %s }
  }`, root, end, more))
}

func TestAccNetworkUpdate(t *testing.T) {
	makeDir(t, "/srv/tftp-a", 0o755)
	makeDir(t, "/srv/tftp-b", 0o755)
	updated := func(more ...string) resource.TestCheckFunc {
		return resource.ComposeTestCheckFunc(
			virshPrints(t, "net-dumpxml acc", more...),
			virshPrints(t, "net-dumpxml --inactive acc", more...),
		)
	}
	acceptance(t,
		resource.TestStep{Config: dhcpNetwork("/srv/tftp-a", "192.168.151.20", "")},
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-b", "192.168.151.20", ""),
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionUpdate),
			Check:            updated("<tftp root='/srv/tftp-b'/>"),
		},
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-b", "192.168.151.50", `reservations = [{ mac = "52:54:00:aa:bb:01", ip = "192.168.151.5" }]`),
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionUpdate),
			Check:            updated("end='192.168.151.50'", "<host mac='52:54:00:aa:bb:01' ip='192.168.151.5'/>"),
		},
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-b", "192.168.151.50", `reservations = [{ mac = "52-54-00-AA-BB-01", ip = "192.168.151.5" }]`),
			ConfigPlanChecks: noChange,
		},
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-b", "192.168.151.50", `reservations = [{ mac = "52:54:00:aa:bb:01", ip = "192.168.151.6" }], lease_time = "1h30m"`),
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionUpdate),
			Check:            updated("ip='192.168.151.6'", "<lease expiry='5400' unit='seconds'/>"),
		},
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-b", "192.168.151.50", `reservations = [{ mac = "52:54:00:aa:bb:01", ip = "192.168.151.6" }], lease_time = "90m"`),
			ConfigPlanChecks: noChange,
		},
	)
}

func TestAccNetworkDrift(t *testing.T) {
	config := network("ipv4 = { address = \"192.168.151.1/24\" }")
	updates := actions(testNetwork, plancheck.ResourceActionUpdate)
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "net-destroy", "acc") },
			Config:           config,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "net-info acc", "Active:         yes"),
		},
		resource.TestStep{
			PreConfig:        func() { virsh(t, "net-autostart", "acc", "--disable") },
			Config:           config,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "net-info acc", "Autostart:      yes"),
		},
		resource.TestStep{
			// What is not modelled stays as somebody else made it.
			PreConfig: func() {
				virsh(t, "net-update", "acc", "add", "dns-host", "<host ip='192.168.151.77'><hostname>theirs</hostname></host>", "--config", "--live")
				virsh(t, "net-update", "acc", "add", "ip-dhcp-range", "<range start='192.168.151.60' end='192.168.151.70'/>", "--config", "--live")
			},
			Config:           config,
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "net-dumpxml acc", "<hostname>theirs</hostname>", "not <range"),
		},
		resource.TestStep{
			PreConfig: func() {
				virsh(t, "net-destroy", "acc")
				virsh(t, "net-undefine", "acc")
			},
			Config:           config,
			ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionCreate),
		},
		resource.TestStep{
			Config:           network("running = false\n ipv4 = { address = \"192.168.151.1/24\" }"),
			ConfigPlanChecks: updates,
			Check:            virshPrints(t, "net-info acc", "Active:         no"),
		},
	)
}

func TestAccNetworkNameTaken(t *testing.T) {
	define(t, "net-define", "<network><name>acc</name><domain name='theirs'/></network>", "net-undefine", "acc")
	acceptance(t, resource.TestStep{
		Config:      network(`mode = "isolated"`),
		ExpectError: says(`Unable to create network "acc"`, `name = "acc"`, "Exists already", "terraform import ADDRESS acc"),
	})
	expect(t, virshPrints(t, "net-dumpxml acc", "<domain name='theirs'/>"))
}

// TestAccNetworkUnreadableRoot holds that dnsmasq's complaint is understood, and that nothing is lost
// by it: neither a half of a new network, nor an old one that worked.
func TestAccNetworkUnreadableRoot(t *testing.T) {
	makeDir(t, "/srv/tftp-good", 0o755)
	makeDir(t, "/srv/tftp-bad", 0o700)
	refused := func(verb, root, cause string) resource.TestStep {
		return resource.TestStep{
			Config:      dhcpNetwork(root, "192.168.151.20", ""),
			ExpectError: says("Unable to "+verb+` network "acc"`, "tftp_root =", root+" inaccessible: "+cause, "chmod o+x"),
		}
	}
	nothing := refused("create", "/srv/tftp-bad", "Permission denied")
	nothing.PreConfig = func() {
		expect(t, virshPrints(t, "net-list --all --name", "not acc"))
	}
	chmod := func() {
		if err := os.Chmod(inSrv(t, "/srv/tftp-bad"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	acceptance(t,
		refused("create", "/srv/tftp-none", "No such file or directory"),
		nothing,
		resource.TestStep{
			PreConfig: nothing.PreConfig,
			Config:    dhcpNetwork("/srv/tftp-good", "192.168.151.20", ""),
		},
		refused("update", "/srv/tftp-bad", "Permission denied"),
		resource.TestStep{
			Config:           dhcpNetwork("/srv/tftp-good", "192.168.151.20", ""),
			ConfigPlanChecks: noChange,
			Check: resource.ComposeTestCheckFunc(
				virshPrints(t, "net-info acc", "Active:         yes"),
				virshPrints(t, "net-dumpxml acc", "<tftp root='/srv/tftp-good'/>"),
			),
		},
		resource.TestStep{
			PreConfig: chmod,
			Config:    dhcpNetwork("/srv/tftp-bad", "192.168.151.20", ""),
			Check:     virshPrints(t, "net-dumpxml acc", "<tftp root='/srv/tftp-bad'/>"),
		},
	)
}

func TestAccNetworkRefusesDestroyUnderAGuest(t *testing.T) {
	config := network("ipv4 = { address = \"192.168.151.1/24\" }")
	acceptance(t,
		resource.TestStep{Config: config},
		resource.TestStep{
			PreConfig: func() {
				startForeignGuest(t, "foreign", "<interface type='network'><source network='acc'/></interface>")
			},
			Config:      config,
			Destroy:     true,
			ExpectError: says(`Unable to delete network "acc"`, "Running guests are on it", "foreign"),
		},
		resource.TestStep{
			PreConfig: func() { virsh(t, "destroy", "foreign") },
			Config:    config,
			Check:     virshPrints(t, "net-info acc", "Active:         yes"),
		},
	)
}

// startForeignGuest starts a guest that nothing manages, held before its first instruction, and gone
// when it is destroyed.
func startForeignGuest(t *testing.T, name, devices string) {
	t.Helper()
	virsh(t, "create", "--paused", writeFile(t, fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='s390x' machine='s390-ccw-virtio'>hvm</type></os><devices>%s</devices></domain>`, name, devices)))
}

func TestAccNetworkInvalid(t *testing.T) {
	ipv4 := func(dhcp string) string {
		return network("ipv4 = {\n address = \"192.168.151.1/24\"\n dhcp = {\n" + dhcp + "\n}\n}")
	}
	var steps []resource.TestStep
	for _, test := range []struct {
		config string
		error  []string
	}{
		{network(""), []string{"Network without an address", "Add ipv4"}},
		{network(`mode = "open"`), []string{"Network without an address", "mode =", "Add ipv4"}},
		{network(`tftp_root = "/srv/tftp"`), []string{"TFTP root without DHCP", "tftp_root =", "Add ipv4 with dhcp.ranges"}},
		{network(`tftp_root = "srv/tftp"`), []string{"Invalid path", "tftp_root =", "absolute path"}},
		{network(`mode = "bridge"`), []string{"mode =", "value must be one of"}},
		{network(`bridge = "sixteen-letters-"`), []string{"bridge =", "between 1 and 15"}},
		{network(`mtu = 67`), []string{"mtu =", "between 68 and 65535"}},
		{network(`ipv4 = { address = "192.168.151.0/24" }`), []string{"Invalid address", inside("ipv4"), "address of the network itself", "192.168.151.1/24"}},
		{network(`ipv4 = { address = "192.168.151.1" }`), []string{inside("ipv4"), "192.168.151.1"}},
		{ipv4(`ranges = [{ start = "192.168.151.20", end = "192.168.151.10" }]`), []string{"Invalid range", inside("ranges"), "192.168.151.20 to 192.168.151.10 is not a range in 192.168.151.0/24"}},
		{ipv4(`ranges = [{ start = "192.168.151.20", end = "192.168.152.10" }]`), []string{"Invalid range", inside("ranges")}},
		{ipv4(`reservations = [{ mac = "52:54:00:00:00:01", ip = "10.0.0.1" }]`), []string{"Invalid reservation", inside("reservations"), "10.0.0.1 is not in 192.168.151.0/24"}},
		{ipv4(`reservations = [{ mac = "52:54:00:00:01", ip = "192.168.151.9" }]`), []string{inside("reservations"), "52:54:00:00:01"}},
		{ipv4(`bootfile = "boot.img"`), []string{"DHCP without addresses", inside("dhcp"), "Add ranges or reservations"}},
		{ipv4(`lease_time = "1m"`), []string{"Invalid lease time", inside("lease_time"), "at least two minutes"}},
		{ipv4(`next_server = "192.168.151.2"`), []string{inside("next_server"), "bootfile"}},
		{`resource "netboot_network" "test" { name = "a/b" }`, []string{"Invalid name", "name =", "slash"}},
	} {
		steps = append(steps, resource.TestStep{Config: test.config, PlanOnly: true, ExpectError: says(test.error...)})
	}
	acceptance(t, steps...)
}

func TestAccNetworkUnknown(t *testing.T) {
	config := `
resource "terraform_data" "later" { input = "192.168.151.1/24" }
` + network(`
  tftp_root = terraform_data.later.id == "" ? null : "/srv/tftp-net"
  ipv4 = {
    address = terraform_data.later.output
    dhcp    = { ranges = [for a in [terraform_data.later.output] : { start = cidrhost(a, 10), end = cidrhost(a, 20) }] }
  }`)
	makeDir(t, "/srv/tftp-net", 0o755)
	acceptance(t, resource.TestStep{
		Config:           config,
		ConfigPlanChecks: actions(testNetwork, plancheck.ResourceActionCreate, plancheck.ExpectUnknownValue(testNetwork, tfjsonpath.New("tftp_root"))),
		Check:            virshPrints(t, "net-dumpxml acc", "<tftp root='/srv/tftp-net'/>", "end='192.168.151.20'"),
	})
}
