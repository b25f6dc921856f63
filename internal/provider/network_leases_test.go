package provider

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt/virttest"
)

// leasesOf are the lease times of a network's IPv4, of its ranges and then of its reservations.
func leasesOf(t *testing.T, h *virttest.Host) string {
	t.Helper()
	n, err := h.Network(t.Context(), "lab")
	if err != nil {
		t.Fatal(err)
	}
	var all []virt.Lease
	for _, r := range n.IPv4.DHCP.Ranges {
		all = append(all, r.Lease)
	}
	for _, r := range n.IPv4.DHCP.Reservations {
		all = append(all, r.Lease)
	}
	return fmt.Sprint(all)
}

// leasing is a configuration with these members in the DHCP of its IPv4.
func leasing(dhcp string) string {
	return `{"name": "lab", "mode": "isolated", "ipv4": {"address": "192.168.150.1/24", "dhcp": {` + dhcp + `}}}`
}

const (
	plainRange  = `"ranges": [{"start": "192.168.150.10", "end": "192.168.150.20"}]`
	plainHost   = `{"mac": "52:54:00:00:00:01", "ip": "192.168.150.31"}`
	anotherHost = `{"hostname": "two", "ip": "192.168.150.32"}`
)

// TestNetworkLeases holds which lease time each range and each reservation has, as a configuration changes.
func TestNetworkLeases(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_network")
	for _, step := range []struct{ dhcp, want string }{
		{plainRange, "[0]"},
		{plainRange + `, "lease_time": "2h", "reservations": [` + plainHost + `]`, "[7200 7200]"},
		{plainRange + `, "lease_time": "120m", "reservations": [` + plainHost + `]`, "[7200 7200]"},
		{plainRange + `, "lease_time": "infinite", "reservations": [` + plainHost + `]`, "[-1 -1]"},
		{plainRange + `, "lease_time": "2h", "reservations": [` + own(plainHost, "infinite") + `, ` + anotherHost + `]`, "[7200 -1 7200]"},
		{plainRange + `, "lease_time": "2h", "reservations": [` + anotherHost + `, ` + own(plainHost, "30m") + `]`, "[7200 7200 1800]"},
		{plainRange + `, "reservations": [` + own(plainHost, "30m") + `, ` + anotherHost + `]`, "[0 1800 0]"}, // with the attribute
		{plainRange + `, "reservations": [` + plainHost + `, ` + own(anotherHost, "10m") + `]`, "[0 0 600]"},
		{strings.Replace(plainRange, `20"`, `20", "lease_time": "infinite"`, 1) + `, "reservations": [` + plainHost + `]`, "[-1 0]"},
		{plainRange, "[0]"},
	} {
		c.must(leasing(step.dhcp))
		if got := leasesOf(t, h); got != step.want {
			t.Errorf("with %s the lease times are %s, want %s", step.dhcp, got, step.want)
		}
	}
}

// own is a reservation with a lease time of its own.
func own(reservation, lease string) string {
	return strings.TrimSuffix(reservation, "}") + fmt.Sprintf(`, "lease_time": %q}`, lease)
}

// givenLeases is a network of others, imported.
func givenLeases(t *testing.T, dhcp virt.DHCP) (*virttest.Host, *core) {
	t.Helper()
	h := virttest.New()
	if err := h.CreateNetwork(t.Context(), virt.Network{
		Name: "lab", Mode: virt.ModeIsolated, Autostart: true, Active: true,
		IPv4: &virt.IP{Address: netip.MustParsePrefix("192.168.150.1/24"), DHCP: &dhcp},
	}); err != nil {
		t.Fatal(err)
	}
	c := newCore(t, h, "netboot_network")
	c.imports("lab")
	return h, c
}

// TestNetworkLeasesOfOthers holds that lease times which a configuration does not say stay where they are, and come to
// no other range or reservation.
func TestNetworkLeasesOfOthers(t *testing.T) {
	aRange := virt.Range{Start: "192.168.150.10", End: "192.168.150.20"}
	aHost := virt.Reservation{MAC: "52:54:00:00:00:01", IP: "192.168.150.31"}
	leased := func(r virt.Range, lease virt.Lease) []virt.Range { r.Lease = lease; return []virt.Range{r} }
	kept := func(r virt.Reservation, lease virt.Lease) []virt.Reservation {
		r.Lease = lease
		return []virt.Reservation{r}
	}
	both := plainRange + `, "reservations": [` + plainHost + `, ` + anotherHost + `]`
	for name, test := range map[string]struct {
		dhcp         virt.DHCP
		config, want string
	}{
		"an endless range":    {virt.DHCP{Ranges: leased(aRange, virt.Endless)}, plainRange + `, "reservations": [` + plainHost + `]`, "[-1 0]"},
		"one host":            {virt.DHCP{Ranges: leased(aRange, 0), Reservations: kept(aHost, 600)}, both, "[0 600 0]"},
		"two lease times":     {virt.DHCP{Ranges: leased(aRange, 7200), Reservations: kept(aHost, 600)}, both, "[7200 600 0]"},
		"said for all":        {virt.DHCP{Ranges: leased(aRange, virt.Endless), Reservations: kept(aHost, 600)}, both + `, "lease_time": "2h"`, "[7200 7200 7200]"},
		"said in other words": {virt.DHCP{Ranges: leased(aRange, 7200)}, plainRange + `, "lease_time": "120m"`, "[7200]"},
		"all have one":        {virt.DHCP{Ranges: leased(aRange, 7200), Reservations: kept(aHost, 7200)}, both, "[7200 7200 7200]"},
	} {
		t.Run(name, func(t *testing.T) {
			h, c := givenLeases(t, test.dhcp)
			before := leasesOf(t, h)
			alone := plainRange
			if test.dhcp.Reservations != nil {
				alone += `, "reservations": [` + plainHost + `]`
			}
			c.mustBeDone(leasing(alone))
			if now := leasesOf(t, h); now != before {
				t.Errorf("the lease times were %s and are %s", before, now)
			}
			c.must(leasing(test.config))
			if got := leasesOf(t, h); got != test.want {
				t.Errorf("the lease times are %s, want %s", got, test.want)
			}
		})
	}
}

// TestNetworkLeaseDrift holds that a lease time which somebody changes is seen where a configuration says it, and comes
// back.
func TestNetworkLeaseDrift(t *testing.T) {
	h := virttest.New()
	c := newCore(t, h, "netboot_network")
	config := leasing(plainRange + `, "lease_time": "2h", "reservations": [` + own(plainHost, "infinite") + `, ` + anotherHost + `]`)
	c.must(config)
	for _, meddled := range []virt.Lease{600, 0, virt.Endless} {
		n, err := h.Network(t.Context(), "lab")
		if err != nil {
			t.Fatal(err)
		}
		n.IPv4.DHCP.Ranges[0].Lease, n.IPv4.DHCP.Reservations[0].Lease = meddled, 1200
		if err := h.UpdateNetwork(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		if plan := c.plan(config); plan.problems.hasError() || plan.state.Equal(c.state) {
			t.Errorf("nobody sees a lease time of %d: %v", meddled, plan.problems)
		}
		c.must(config)
		if got := leasesOf(t, h); got != "[7200 -1 7200]" {
			t.Errorf("the lease times are %s", got)
		}
	}
	if text, err := json.Marshal(c.state.String()); err != nil || strings.Contains(string(text), "1200") {
		t.Errorf("the state is %s, %v", text, err)
	}
}
