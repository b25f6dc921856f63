package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/docs"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// guideNetwork has every attribute of which guideChanges changes the value.
const guideNetwork = `{"name": "guide", "mode": "open", "bridge": "guide0", "stp": false, "delay": 0, "mtu": 1500,
	"domain": "guide.test", "autostart": true, "running": true, "tftp_root": "/srv/guide-a",
	"ipv4": {"address": "192.168.151.1/24", "dhcp": {
		"ranges": [{"start": "192.168.151.10", "end": "192.168.151.20"}],
		"reservations": [{"mac": "52:54:00:aa:bb:01", "ip": "192.168.151.5", "hostname": "one"}],
		"lease_time": "1h", "bootfile": "kernel", "next_server": "192.168.151.2",
		"boot": [{"arch": "x86_64", "bootfile": "pxelinux.0"}]}},
	"ipv6": {"address": "fd00:151::1/64", "dhcp": {
		"ranges": [{"start": "fd00:151::10", "end": "fd00:151::20"}],
		"reservations": [{"duid": "00:04:00:01", "ip": "fd00:151::5"}], "lease_time": "3h"}},
	"dns": ` + guideDNS + `, "routes": [{"to": "198.51.100.0/24", "gateway": "192.168.151.7"}],
	"dnsmasq_options": ["log-dhcp"]}`

const guideDNS = `{"enabled": true, "hosts": [{"ip": "192.168.151.9", "hostnames": ["nine"]}], "forwarders": [{"address": "192.0.2.53"}]}`

// guideBridge is a network whose bridge the host need not have.
const guideBridge = `{"name": "guide", "mode": "bridge", "bridge": "guide0", "openvswitch": true, "vlans": [42]}`

// guideDevices is a network whose devices the host need not have.
const guideDevices = `{"name": "guide", "mode": "bridge", "forward_devices": ["guide7"]}`

// guideChanges are changes of one attribute each: what is written in the network, and what then.
var guideChanges = []struct{ network, attributes, old, with string }{
	{guideNetwork, "`ipv4.dhcp.reservations`, `ipv6.dhcp.reservations`: added or removed", `"duid": "00:04:00:01"`, `"duid": "00:04:00:02"`},
	{guideNetwork, "`ipv4.dhcp.reservations`, `ipv6.dhcp.reservations`: changed", `"ip": "192.168.151.5"`, `"ip": "192.168.151.6"`},
	{guideNetwork, "`ipv4.dhcp.ranges`, `ipv6.dhcp.ranges`", `"192.168.151.20"`, `"192.168.151.30"`},
	{guideNetwork, "`ipv4.dhcp.lease_time`, `ipv6.dhcp.lease_time`", `"lease_time": "1h"`, `"lease_time": "2h"`},
	{guideNetwork, "`lease_time` of a range or of a reservation", `"end": "192.168.151.20"`, `"end": "192.168.151.20", "lease_time": "infinite"`},
	{guideNetwork, "`dns.hosts`", `"nine"`, `"nine", "neuf"`},
	{guideNetwork, "`autostart`", `"autostart": true`, `"autostart": false`},
	{guideNetwork, "`tftp_root`", `guide-a`, `guide-b`},
	{guideNetwork, "`ipv4.dhcp.bootfile`, `ipv4.dhcp.next_server`", `"bootfile": "kernel"`, `"bootfile": "kernel2"`},
	{guideNetwork, "`ipv4.dhcp.boot`", `pxelinux.0`, `lpxelinux.0`},
	{guideNetwork, "`ipv4.address`, `ipv6.address`", `"192.168.151.1/24"`, `"192.168.151.1/25"`},
	{guideNetwork, "`domain`", `guide.test`, `other.test`},
	{guideNetwork, "`dns.enabled`", guideDNS, `{"enabled": false}`},
	{guideNetwork, "`dns.forwarders`", `192.0.2.53`, `192.0.2.54`},
	{guideNetwork, "`dnsmasq_options`", `log-dhcp`, `log-queries`},
	{guideNetwork, "`routes`", `198.51.100.0/24`, `198.51.100.0/25`},
	{guideNetwork, "`mode`", `"mode": "open"`, `"mode": "isolated"`},
	{guideNetwork, "`bridge`", `guide0`, `guide1`},
	{guideNetwork, "`stp`, `delay`", `"stp": false`, `"stp": true`},
	{guideNetwork, "`mtu`", `"mtu": 1500`, `"mtu": 1600`},
	{guideDevices, "`forward_devices`, `physical_function`", `guide7`, `guide8`},
	{guideBridge, "`openvswitch`, `vlans`", `[42]`, `[43]`},
	{guideNetwork, "`name`", `"name": "guide"`, `"name": "guide2"`},
}

// TestGuide holds that the guide "Networks that change" says how libvirt brings each change about, as it
// is seen on the real one.
func TestGuide(t *testing.T) {
	makeDir(t, "/srv/guide-a", 0o755)
	makeDir(t, "/srv/guide-b", 0o755)
	host, err := virt.Open(lab.Shared(t).URI)
	if err != nil {
		t.Fatal(err)
	}
	c := newCore(t, host, "netboot_network")
	defer destroys(t, c)
	stopped := strings.NewReplacer(`"running": true, `, `"running": false, `, `{"name": "guide", "mode": "bridge"`, `{"name": "guide", "running": false, "mode": "bridge"`)
	var table strings.Builder
	table.WriteString("\n| Change of | The network runs | It is stopped |\n|---|---|---|\n")
	for _, change := range guideChanges {
		changed := strings.Replace(change.network, change.old, change.with, 1)
		fmt.Fprintf(&table, "| %s | %s | %s |\n", change.attributes,
			guideWay(t, c, change.network, changed), guideWay(t, c, stopped.Replace(change.network), stopped.Replace(changed)))
	}
	docs.CheckTables(t, "networks", "provider", table.String()+"\n")
}

// guideWay is how a network gets from one configuration to the other, which has to be as the plan says.
func guideWay(t *testing.T, c *core, from, to string) string {
	t.Helper()
	c.must(from)
	plan := c.plan(to)
	if plan.replaces {
		return "replaced"
	}
	before := guideIndex(t)
	c.must(to)
	said := plan.problems.String()
	switch {
	case strings.Contains(from, `"running": false`) && said == "":
		return "definition"
	case strings.Contains(said, "will be restarted") && (before == "" || guideIndex(t) != before):
		return "restart"
	case strings.Contains(said, "changed while it runs") && guideIndex(t) == before:
		return "live"
	case said == "" && guideIndex(t) == before:
		return "definition"
	default:
		t.Fatalf("from %s to %s the plan said %q, and the bridge was %q and is %q", from, to, said, before, guideIndex(t))
		return ""
	}
}

// guideIndex is the number of the network's bridge, which another one does not have; empty where there
// is none.
func guideIndex(t *testing.T) string {
	t.Helper()
	index, _ := lab.Shared(t).Exec(t.Context(), "sh", "-c", "cat /sys/class/net/guide*/ifindex")
	return index
}
