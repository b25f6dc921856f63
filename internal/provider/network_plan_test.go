package provider

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// TestNetworkAnnounces holds that a plan says how a network changes, why, and which guests are on it.
func TestNetworkAnnounces(t *testing.T) {
	var reservations []string
	for i := range 21 {
		reservations = append(reservations, fmt.Sprintf(`{"mac": "52:54:00:00:01:%02x", "ip": "192.168.150.%d"}`, i, 100+i))
	}
	replaced := func(old, with string) string { return strings.Replace(memoryNetwork, old, with, 1) }
	for name, test := range map[string]struct {
		config string
		want   []string // none is no warning
	}{
		"a range": {replaced("150.20", "150.30"), []string{"changed while it runs", "keep their link.", "now: guest."}},
		"a reservation": {replaced(`"dhcp": {`, `"dhcp": {"reservations": [`+reservations[0]+`], `),
			[]string{"changed while it runs", "keep their link.", "now: guest."}},
		"many reservations": {replaced(`"dhcp": {`, `"dhcp": {"reservations": [`+strings.Join(reservations, ",")+`], `),
			[]string{"restarted", "cannot change ipv4 while", "attached again within a second or two.", "now: guest."}},
		"a DNS host":    {replaced("{", `{"dns": {"hosts": [{"ip": "192.168.150.9", "hostnames": ["nine"]}]}, `), []string{"changed while it runs"}},
		"the TFTP root": {replaced("/srv/tftp", "/srv/other"), []string{"restarted", "cannot change tftp_root while", "guest."}},
		"two things":    {replaced("/srv/tftp\"", "/srv/other\", \"domain\": \"lab.test\""), []string{"restarted", "cannot change domain, tftp_root while"}},
		"a boot rule": {replaced(`"dhcp": {`, `"dhcp": {"boot": [{"arch": "x86_64", "bootfile": "x.0"}], `),
			[]string{"restarted", "cannot change ipv4.dhcp.boot while"}},
		"raw options": {replaced("{", `{"dnsmasq_options": ["log-dhcp"], `), []string{"restarted", "cannot change dnsmasq_options while"}},
		"a stop":      {replaced("{", `{"running": false, `), []string{"stopped", "lose their network.", "now: guest."}},
		"autostart":   {replaced("{", `{"autostart": false, `), nil},
		"nothing":     {memoryNetwork, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newGuestHost(t)
			newCore(t, h, "netboot_domain").must(memoryDomain)
			c := newCore(t, h, "netboot_network")
			c.imports("lab")
			plan := c.plan(test.config)
			said := plan.problems.String()
			if plan.problems.hasError() || len(plan.problems) != min(len(test.want), 1) {
				t.Fatalf("the plan says %v", plan.problems)
			}
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("the plan does not say %q: %s", want, said)
				}
			}
		})
	}
}

// TestNetworkHolds holds that what a configuration has never set stays as it is on the host, and that
// what it had set goes with the attribute.
func TestNetworkHolds(t *testing.T) {
	const plain = `{"name": "lab", "mode": "isolated"}`
	withDNS := strings.Replace(plain, "{", `{"dns": {"hosts": [{"ip": "192.168.150.9", "hostnames": ["ours"]}]}, `, 1)
	theirs := virt.Network{
		Name: "lab", Mode: virt.ModeIsolated, STP: true, Delay: 2, Autostart: true, Active: true,
		IPv6:    &virt.IP{Address: netip.MustParsePrefix("fd00:150::1/64")},
		DNS:     &virt.DNS{Hosts: []virt.DNSHost{{IP: "192.168.150.8", Names: []string{"theirs"}}}},
		Options: []string{"log-dhcp"},
	}
	h := virttest.New()
	if err := h.CreateNetwork(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_network")
	c.imports("lab")
	c.mustBeDone(plain)
	wantHost := func(dns string) {
		t.Helper()
		n, err := h.Network(t.Context(), "lab")
		if err != nil || !n.STP || n.Delay != 2 || n.IPv6 == nil || fmt.Sprint(n.Options) != "[log-dhcp]" {
			t.Errorf("the host has %+v, %v", n, err)
		}
		if got := n.DNS; dns == "" && got != nil || dns != "" && got.Hosts[0].Names[0] != dns {
			t.Errorf("the host has the DNS %+v, want %q", got, dns)
		}
	}
	c.must(strings.Replace(plain, "{", `{"domain": "lab.test", `, 1))
	wantHost("theirs")
	c.must(withDNS)
	wantHost("ours")
	c.must(plain)
	wantHost("")
	theirs, err := h.Network(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	theirs.DNS = &virt.DNS{Hosts: []virt.DNSHost{{IP: "192.168.150.8", Names: []string{"again"}}}}
	if err := h.UpdateNetwork(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	c.mustBeDone(plain)
	wantHost("again")
	c.must(`{"name": "lab", "mode": "bridge", "bridge": "br0"}`)
	if n, err := h.Network(t.Context(), "lab"); err != nil || n.IPv6 != nil || n.DNS != nil || n.Options != nil {
		t.Errorf("on a bridge of the host's there is %+v, %v", n, err)
	}
}

// halfChanged is a host with a network that is not in one piece.
type halfChanged struct {
	*virttest.Host
	look func(n *virt.Network)
}

func (h halfChanged) Network(ctx context.Context, name string) (virt.Network, error) {
	n, err := h.Host.Network(ctx, name)
	h.look(&n)
	return n, err
}

// TestNetworkShowsWhatRuns holds that a network which does not run as it is defined has something to do
// in the next plan.
func TestNetworkShowsWhatRuns(t *testing.T) {
	running := func(change func(*virt.Network)) func(*virt.Network) {
		return func(n *virt.Network) {
			other := *n
			change(&other)
			n.Running = &other
		}
	}
	for name, test := range map[string]struct {
		look func(n *virt.Network)
		want []string
	}{
		"an interrupted change": {func(n *virt.Network) { n.Parked = true },
			[]string{`A change of network "lab" was interrupted`, "attaches the guests again"}},
		"what runs was changed": {running(func(n *virt.Network) { n.Domain = "theirs.test" }),
			[]string{`Network "lab" will be restarted`, "cannot change domain"}},
		"the definition was changed": {func(n *virt.Network) {
			running(func(*virt.Network) {})(n)
			n.Domain = "theirs.test"
		}, []string{`Network "lab" does not run as it is defined`, "Running guests on it keep running"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := halfChanged{newMemoryHost(t), func(*virt.Network) {}}
			c := newCore(t, &h, "netboot_network")
			c.must(memoryNetwork)
			h.look = test.look
			plan := c.plan(memoryNetwork)
			if plan.problems.hasError() || plan.replaces || plan.state.Equal(c.state) {
				t.Errorf("there is nothing to do: %v", plan.problems)
			}
			for _, want := range test.want {
				if !strings.Contains(plan.problems.String(), want) {
					t.Errorf("the plan does not say %q: %v", want, plan.problems)
				}
			}
			h.look = func(*virt.Network) {}
			if problems := c.do(plan); problems.hasError() {
				t.Error(problems)
			}
			c.mustBeDone(memoryNetwork)
		})
	}
}

// TestNetworkConfinement warns of TFTP roots that a security policy may keep from dnsmasq.
func TestNetworkConfinement(t *testing.T) {
	for _, test := range []struct {
		model, root string
		warns       bool
	}{
		{"apparmor", "/srv/tftp/lab", false},
		{"apparmor", "/srv/tftp-lab", true},
		{"selinux", "/var/lib/tftpboot", false},
		{"selinux", "/srv/tftp", true},
		{"dac", "/data", false},
	} {
		h := virttest.New()
		h.Offer(virt.Capabilities{SecurityModels: []string{test.model}})
		plan := newCore(t, h, "netboot_network").plan(strings.Replace(memoryNetwork, "/srv/tftp", test.root, 1))
		if warned := strings.Contains(plan.problems.String(), "The host runs "+test.model); warned != test.warns || plan.problems.hasError() {
			t.Errorf("%s below %s: %v", test.root, test.model, plan.problems)
		}
	}
}

func TestNetworkUnknownMode(t *testing.T) {
	h := &halfChanged{newMemoryHost(t), func(n *virt.Network) { n.Mode = "future" }}
	c := newCore(t, h, "netboot_network")
	c.apply(memoryNetwork)
	if problems := c.refresh(); !strings.Contains(problems.String(), `The network has the mode "future"`) {
		t.Errorf("refresh: %v", problems)
	}
}
