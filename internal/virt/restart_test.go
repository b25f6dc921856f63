package virt_test

import (
	"bufio"
	"errors"
	"strings"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestConsoleOutlivesLibvirtd kills libvirtd while a guest is watched. The guest and its console continue.
func TestConsoleOutlivesLibvirtd(t *testing.T) {
	h := givenGuest(t, "", waiting, "destroy")
	console, err := h.BootDomain(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = console.Close() }()
	lines := bufio.NewScanner(console)
	if !lines.Scan() {
		t.Fatalf("no first line: %v", lines.Err())
	}
	host := lab.Shared(t)
	if err := host.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	restarted := make(chan error, 1)
	go func() { restarted <- host.Restart(t.Context()) }()
	for lines.Scan() && !strings.Contains(lines.Text(), "is missing") {
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the console ended with %v", err)
	}
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	if err := h.KillDomain(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	if lines.Scan(); lines.Err() != nil {
		t.Errorf("after the guest's end the console ended with %v", lines.Err())
	}
}

// TestTwoMachines has two runs create the same objects at the same moment. One of them succeeds, and the other is
// told that the objects exist.
func TestTwoMachines(t *testing.T) {
	uri := lab.Shared(t).URI
	one, other := open(t, uri), open(t, uri)
	givenFile(t, one, 1<<20)
	volume := virt.Volume{Pool: "cut", Name: "twice", Format: "raw"}
	network := virt.Network{Name: "twice", Mode: "isolated"}
	for what, c := range map[string]struct{ create, remove func(h *virt.Host) error }{
		"pool": {func(h *virt.Host) error {
			_, _, err := h.CreatePool(t.Context(), "twice", "/srv/twice")
			return err
		}, func(h *virt.Host) error { return h.DeletePool(t.Context(), "twice", true) }},
		"volume": {func(h *virt.Host) error { return h.CreateVolume(t.Context(), volume) },
			func(h *virt.Host) error { return h.DeleteVolume(t.Context(), "cut", "twice") }},
		"network": {func(h *virt.Host) error { return h.CreateNetwork(t.Context(), network) },
			func(h *virt.Host) error { return h.DeleteNetwork(t.Context(), "twice") }},
	} {
		for range 5 {
			second := make(chan error, 1)
			go func() { second <- c.create(other) }()
			errs := []error{c.create(one), <-second}
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("%s: both runs ended with %v", what, errs)
			}
			for _, err := range errs {
				if err != nil && !errors.Is(err, virt.ErrExists) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if err := c.remove(one); err != nil {
				t.Fatalf("%s: nothing of it is there: %v", what, err)
			}
		}
	}
}
