package virt_test

import (
	"context"
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
