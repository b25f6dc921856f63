package provider

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// plugOf is what guests of a network are plugged into.
func plugOf(t *testing.T, h *virttest.Host) string {
	t.Helper()
	n, err := h.Network(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s%s%s", n.Mode, n.Bridge, strings.Join(n.Devices, ","), n.PF))
}

// plugged is a configuration with these members.
func plugged(members string) string { return `{"name": "lab", ` + members + `}` }

// TestNetworkPlugs goes through all that guests can be plugged into.
func TestNetworkPlugs(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_network")
	const nat = `"ipv4": {"address": "192.168.150.1/24"}`
	for _, step := range []struct{ members, want string }{
		{nat, "nat virbr0"},
		{nat + `, "forward_devices": ["eth0"]`, "nat virbr0eth0"},
		{nat + `, "mode": "route"`, "route virbr0"}, // what was set is taken away with the attribute
		{`"mode": "bridge", "bridge": "br0"`, "bridge br0"},
		{`"mode": "bridge"`, "bridge br0"},
		{`"mode": "bridge", "forward_devices": ["eth0", "eth1"]`, "bridge eth0,eth1"},
		{`"mode": "vepa", "forward_devices": ["eth1"]`, "vepa eth1"},
		{`"mode": "private", "physical_function": "eth2"`, "private eth2"},
		{`"mode": "hostdev", "physical_function": "eth2"`, "hostdev eth2"},
		{`"mode": "passthrough", "physical_function": "eth2", "vlans": [42]`, "passthrough eth2"},
		{nat, "nat virbr0"},
	} {
		c.must(plugged(step.members))
		if got := plugOf(t, h); got != step.want {
			t.Errorf("with %s guests are plugged into %s, want %s", step.members, got, step.want)
		}
	}
}

// TestNetworkPlugsOfOthers holds that a configuration which does not say what guests are plugged into leaves it.
func TestNetworkPlugsOfOthers(t *testing.T) {
	for _, n := range []virt.Network{
		{Mode: virt.ModeBridge, Devices: []string{"eth0"}},
		{Mode: virt.ModeBridge, PF: "eth0"},
		{Mode: virt.ModeBridge, Bridge: "br0"},
		{Mode: virt.ModeBridge},
		{Mode: virt.ModeIsolated, IPv4: &virt.IP{Address: netip.MustParsePrefix("192.168.150.0/24")}}, // of the network itself
		{Mode: virt.ModeVEPA, Devices: []string{"eth0", "eth1"}},
		{Mode: virt.ModePrivate},
		{Mode: virt.ModePassthrough, Devices: []string{"eth0"}},
		{Mode: virt.ModeHostdev, PF: "eth0"},
		{Mode: virt.ModeHostdev}, // by addresses of PCI, which are not modelled
	} {
		h := virttest.New()
		n.Name = "lab"
		if err := h.CreateNetwork(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		before := plugOf(t, h)
		c := newCore(t, h, "netboot_network")
		c.imports("lab")
		config := fmt.Sprintf(`"mode": %q, "running": false`, n.Mode)
		if n.IPv4 != nil {
			config += `, "ipv4": {"address": "192.168.150.0/24"}`
		}
		c.mustBeDone(plugged(config + `, "autostart": false`))
		c.must(plugged(config))
		if now := plugOf(t, h); now != before {
			t.Errorf("guests were plugged into %s and are into %s", before, now)
		}
	}
}

// TestNetworkVLANsOfOthers holds that VLANs on a bridge which libvirt has them on stay.
func TestNetworkVLANsOfOthers(t *testing.T) {
	h := virttest.New()
	if err := h.CreateNetwork(t.Context(), virt.Network{Name: "lab", Mode: virt.ModeBridge, Bridge: "br0", VLANs: []uint{42}}); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_network")
	c.imports("lab")
	c.must(plugged(`"mode": "bridge", "bridge": "br0", "vlans": [42], "running": false`))
}

// TestNetworkPlugRefused holds that a mode has what it needs, and nothing else.
func TestNetworkPlugRefused(t *testing.T) {
	const address = `"ipv4": {"address": "192.168.150.1/24"}`
	for members, want := range map[string]string{
		`"mode": "bridge"`:                               "forward_devices to the names of the devices",
		`"mode": "vepa"`:                                 "Set forward_devices to their names",
		`"mode": "passthrough", "vlans": [3]`:            "Set forward_devices to their names",
		`"mode": "hostdev"`:                              "Set physical_function to its name",
		`"mode": "hostdev", "forward_devices": ["eth0"]`: "guests get virtual functions",
		`"mode": "bridge", "bridge": "br0", "forward_devices": ["eth0"]`:                             "Set only one of bridge, forward_devices and physical_function",
		`"mode": "vepa", "physical_function": "eth0", "forward_devices": ["eth0"]`:                   "Set only one of bridge, forward_devices and physical_function",
		`"mode": "bridge", "bridge": "br0", "physical_function": "eth0"`:                             "Remove physical_function",
		`"mode": "vepa", "bridge": "br0", "forward_devices": ["eth0"]`:                               "there is no bridge",
		`"mode": "vepa", "forward_devices": ["eth0"], ` + address:                                    "Remove ipv4",
		`"mode": "bridge", "bridge": "br0", "vlans": [3]`:                                            "VLANs require Open vSwitch", // by libvirt 9
		`"mode": "vepa", "forward_devices": ["eth0"], "vlans": [3]`:                                  "VLANs require Open vSwitch",
		`"mode": "vepa", "forward_devices": ["eth0"], "openvswitch": true`:                           "Open vSwitch requires mode bridge",
		`"mode": "isolated", "forward_devices": ["eth0"]`:                                            "does not forward through one device",
		`"mode": "open", "forward_devices": ["eth0"], ` + address:                                    "does not forward through one device",
		`"forward_devices": ["eth0", "eth1"], ` + address:                                            "forwards through one device. Set only one",
		`"physical_function": "eth0", ` + address:                                                    "Remove physical_function",
		`"mode": "vepa", "forward_devices": ["sixteen-letters-"]`:                                    "the name of a network device of Linux has 1 to 15",
		`"routes": [{"to": "10.1.2.3/8", "gateway": "192.168.150.2"}], ` + address:                   "address of a network",
		`"mode": "bridge", "bridge": "br0", "routes": [{"to": "10.0.0.0/8", "gateway": "10.0.0.1"}]`: "Remove routes",
	} {
		if problems := newCore(t, virttest.New(), "netboot_network").apply(plugged(members)); !strings.Contains(problems.String(), want) {
			t.Errorf("%s: %v, want %q", members, problems, want)
		}
	}
}

// TestNetworkBridgeIsThere holds that a plan asks for a bridge that guests are to be plugged into, and only for a new one.
func TestNetworkBridgeIsThere(t *testing.T) {
	h := virttest.New()
	h.Interfaces(map[string]bool{"br0": true, "eth0": false})
	c := newCore(t, h, "netboot_network")
	c.must(plugged(`"mode": "bridge", "bridge": "br0"`))
	asked := h.Calls("CheckBridge")
	c.must(plugged(`"mode": "bridge", "bridge": "br0", "autostart": false`))
	c.must(plugged(`"mode": "bridge", "bridge": "ovsbr0", "openvswitch": true`))
	if now := h.Calls("CheckBridge"); now != asked {
		t.Errorf("the host was asked %d times more for a bridge that it was asked for, or that is of Open vSwitch", now-asked)
	}
	for name, want := range map[string][]string{
		"eth0": {"ERROR", "Not a bridge", "interface with that name is not a bridge", `"eth0"`, "forward_devices in place of bridge", "openvswitch = true"},
		"br1":  {"WARNING", "No such bridge", "no bridge or other interface with that name", `"br1"`, "Unless something makes it"},
	} {
		said := c.plan(plugged(fmt.Sprintf(`"mode": "bridge", "bridge": %q`, name))).problems.String()
		for _, text := range want {
			if !strings.Contains(said, text) {
				t.Errorf("on %s: %s, want %q", name, said, text)
			}
		}
	}
	run := newRun(t, h)
	other := newCore(t, h, "netboot_network")
	other.run(t.Context(), run)
	c.run(t.Context(), run)
	if plan := other.plan(`{"name": "other", "mode": "isolated", "bridge": "br1"}`); plan.problems.hasError() {
		t.Fatal(plan.problems)
	}
	if said := c.plan(plugged(`"mode": "bridge", "bridge": "br1"`)).problems.String(); strings.Contains(said, "No such bridge") { // which this run makes
		t.Error(said)
	}
}

// TestNetworkSaysWhatItDoesNotKnow holds that an import says what has no attribute, once.
func TestNetworkSaysWhatItDoesNotKnow(t *testing.T) {
	h := virttest.New()
	if err := h.CreateNetwork(t.Context(), virt.Network{Name: "lab", Mode: virt.ModeIsolated, Unmodelled: []string{"<portgroup>", "zone of <bridge>"}}); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_network")
	resp, err := c.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: c.kind, ID: "lab"})
	if err != nil || len(resp.Diagnostics) > 0 {
		t.Fatal(err, problems(resp.Diagnostics))
	}
	c.state, c.private = c.value(resp.ImportedResources[0].State), resp.ImportedResources[0].Private
	if said := c.refresh().String(); !strings.Contains(said, "<portgroup>, zone of <bridge>") || !strings.Contains(said, "virsh net-edit lab") {
		t.Errorf("the import says %s", said)
	}
	c.mustBeDone(plugged(`"mode": "isolated", "running": false, "autostart": false`))
}
