package virt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestNetworksAtOnce has two clients create networks at the same time. Each network gets its own bridge.
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

// TestNetworkTakesNoInterface has networks that are to make a bridge with the name of an existing interface. The
// interface stays, even if a network that has its guests on it is changed to make it.
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

// TestCheckBridge checks what a host reports for the name of a bridge, of another interface, and of nothing.
func TestCheckBridge(t *testing.T) {
	h := open(t, lab.Shared(t).URI)
	onLab(t, "ip", "link", "add", "br-there", "type", "bridge")
	t.Cleanup(func() { _, _ = lab.Shared(t).Exec(context.Background(), "ip", "link", "delete", "br-there") })
	for name, want := range map[string]error{"br-there": nil, "lo": virt.ErrNotBridge, "br-none": virt.ErrNoBridge} {
		if err := h.CheckBridge(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("of %s it says %v, want %v", name, err, want)
		}
	}
}

// TestNetworkKeepsGuestsOnDevices restarts a macvtap network with a running guest, which keeps its device. The
// network refuses to move a guest from a bridge to a device.
func TestNetworkKeepsGuestsOnDevices(t *testing.T) {
	h := open(t, lab.Shared(t).URI)
	n := virt.Network{Name: "plugged", Mode: virt.ModeIsolated, Bridge: "plugged0", Active: true}
	if err := h.CreateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.DeleteNetwork(context.Background(), "plugged") })
	taps := givenPausedGuest(t, "on-bridge", `<interface type='network'><source network='plugged'/><model type='virtio'/></interface>`)
	onDevice := virt.Network{Name: "plugged", Mode: virt.ModeBridge, Devices: []string{"lo"}, Active: true}
	if err := h.UpdateNetwork(t.Context(), onDevice); err == nil || !strings.Contains(err.Error(), "on-bridge; stop them first") {
		t.Errorf("with a guest on its bridge UpdateNetwork returned %v", err)
	}
	wantOn(t, "plugged0", taps)
	virsh(t, "destroy", "on-bridge")
	changed := onDevice
	changed.Devices = []string{"lo", "another"}
	for _, to := range []virt.Network{onDevice, changed, n} {
		if err := h.UpdateNetwork(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if read, err := h.Network(t.Context(), "plugged"); err != nil || read.ChangeTo(to) != virt.NoChange || read.Running != nil {
			t.Errorf("the network is %+v, %v, want %+v", read, err, to)
		}
	}
}

// TestNetworkOfMacvtap starts a guest on a macvtap network. The guest is still on the network after the network has
// got another device and has restarted.
func TestNetworkOfMacvtap(t *testing.T) {
	h := open(t, lab.Shared(t).URI)
	onLab(t, "ip", "link", "add", "macvtap-a", "type", "veth", "peer", "name", "macvtap-b")
	t.Cleanup(func() { _, _ = lab.Shared(t).Exec(context.Background(), "ip", "link", "delete", "macvtap-a") })
	n := virt.Network{Name: "macvtap", Mode: virt.ModeBridge, Devices: []string{"macvtap-a"}, Active: true}
	if err := h.CreateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.DeleteNetwork(context.Background(), "macvtap") })
	givenPausedGuest(t, "on-macvtap", `<interface type='network'><source network='macvtap'/><model type='virtio'/></interface>`)
	plugged := func(what string) {
		t.Helper()
		if links, err := lab.Shared(t).Exec(t.Context(), "ip", "-o", "link", "show", "type", "macvtap"); err != nil || !strings.Contains(links, "@macvtap-a") {
			t.Errorf("%s the guest is on %q, %v", what, links, err)
		}
		if guests, err := h.NetworkGuests(t.Context(), "macvtap"); err != nil || len(guests) != 1 {
			t.Errorf("%s there are on the network %q, %v", what, guests, err)
		}
	}
	plugged("at first")
	n.Devices = []string{"macvtap-b", "macvtap-a"}
	if err := h.UpdateNetwork(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	plugged("after a restart")
	if read, err := h.Network(t.Context(), "macvtap"); err != nil || read.ChangeTo(n) != virt.NoChange || read.Running != nil {
		t.Errorf("the network is %+v, %v", read, err)
	}
}
