package virt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestNetworksAtOnce has two clients make networks side by side, each of which gets a bridge of its own.
func TestNetworksAtOnce(t *testing.T) {
	clients := []*virt.Host{open(t, lab.Shared(t).URI), open(t, lab.Shared(t).URI)}
	const rounds, many = 3, 12
	for range rounds {
		var making, removing errgroup.Group
		for i := range many {
			name := fmt.Sprintf("at-once-%d", i)
			making.Go(func() error {
				return clients[i%2].CreateNetwork(t.Context(), virt.Network{Name: name, Mode: virt.ModeIsolated, Active: true})
			})
		}
		if err := making.Wait(); err != nil {
			t.Error(err)
		}
		bridges := map[string]string{}
		for i := range many {
			name := fmt.Sprintf("at-once-%d", i)
			n, err := clients[0].Network(t.Context(), name)
			if other, taken := bridges[n.Bridge]; err != nil || taken {
				t.Errorf("%s has the bridge %q of %s (%v)", name, n.Bridge, other, err)
			}
			bridges[n.Bridge] = name
			removing.Go(func() error { return clients[i%2].DeleteNetwork(context.Background(), name) })
		}
		if err := removing.Wait(); err != nil {
			t.Error(err)
		}
	}
}

// TestNetworkTakesNoInterface has networks that are to make a bridge which the host has: it stays, also where a
// network that has its guests on it is to make it from now on.
func TestNetworkTakesNoInterface(t *testing.T) {
	h := open(t, lab.Shared(t).URI)
	onLab(t, "ip", "link", "add", "br-theirs", "type", "bridge")
	t.Cleanup(func() { _, _ = lab.Shared(t).Exec(context.Background(), "ip", "link", "delete", "br-theirs") })
	taken := virt.Network{Name: "taken", Mode: virt.ModeIsolated, Bridge: "br-theirs", Active: true}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, virt.ErrInterfaceExists) {
			t.Errorf("%s it is %v, want %v", what, err, virt.ErrInterfaceExists)
		}
		onLab(t, "ip", "link", "show", "br-theirs")
	}
	refused("made", h.CreateNetwork(t.Context(), taken))
	for _, before := range []virt.Network{
		{Name: "taken", Mode: virt.ModeIsolated, Active: true},
		{Name: "taken", Mode: virt.ModeBridge, Bridge: "br-theirs", Active: true},
	} {
		if err := h.CreateNetwork(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		refused("changed", h.UpdateNetwork(t.Context(), taken))
		if err := h.DeleteNetwork(t.Context(), "taken"); err != nil {
			t.Fatal(err)
		}
	}
}
