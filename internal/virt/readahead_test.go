package virt_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/lab"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// TestReadAhead checks that lookups of many objects, one after the other, cost about one call each, that what was
// read ahead is the same as what a single lookup finds, and that a change is seen at once.
func TestReadAhead(t *testing.T) {
	wire, err := lab.NewWire(lab.Shared(t), "ahead", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = wire.Close() })
	names, paths := makeMany(t, open(t, wire.URI))

	volume := func(h *virt.Host, ctx context.Context, name string) (virt.Volume, error) {
		return h.Volume(ctx, "ahead", name)
	}
	at := func(h *virt.Host, ctx context.Context, path string) (string, error) {
		pool, name, err := h.VolumeAt(ctx, path)
		return pool + "/" + name, err
	}
	t.Run("domains", func(t *testing.T) {
		holdsAhead(t, wire, (*virt.Host).Domain, names, func(h *virt.Host) error {
			_, err := h.BootDomain(t.Context(), names[0])
			return err
		})
	})
	t.Run("volumes", func(t *testing.T) {
		holdsAhead(t, wire, volume, names, func(h *virt.Host) error {
			return h.Upload(t.Context(), "ahead", names[0], io.LimitReader(zeros{}, 2<<20))
		})
	})
	t.Run("paths", func(t *testing.T) {
		holdsAhead(t, wire, at, paths, func(h *virt.Host) error { return h.DeleteVolume(t.Context(), "ahead", names[0]) })
	})
}

// holdsAhead looks up each name, once on a host of its own and once on one shared host. Then it changes the object
// with the first name.
func holdsAhead[T any](t *testing.T, wire *lab.Wire, look func(*virt.Host, context.Context, string) (T, error), names []string, change func(*virt.Host) error) {
	t.Helper()
	single := map[string]T{}
	for _, name := range names {
		found, err := look(open(t, wire.URI), t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		single[name] = found
	}
	h := open(t, wire.URI)
	_ = wire.Calls()
	for _, name := range names {
		if found, err := look(h, t.Context(), name); err != nil || !reflect.DeepEqual(found, single[name]) {
			t.Errorf("%s is %+v, %v, and looked up alone %+v", name, found, err, single[name])
		}
	}
	// Seven are looked up one by one, with at most five calls each. Connecting and the lists take a few more.
	if calls := wire.Calls(); calls > len(names)+45 {
		t.Errorf("%d objects took %d calls", len(names), calls)
	}
	if err := change(h); err != nil {
		t.Fatal(err)
	}
	if found, err := look(h, t.Context(), names[0]); err == nil && reflect.DeepEqual(found, single[names[0]]) {
		t.Errorf("%s was changed and is still %+v", names[0], found)
	}
}

// makeMany makes domains and volumes with the same names, and returns the names and the volumes' paths.
func makeMany(t *testing.T, h *virt.Host) (names, paths []string) {
	t.Helper()
	ctx := t.Context()
	if _, _, err := h.CreatePool(ctx, "ahead", "/srv/ahead"); err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		name := fmt.Sprintf("ahead-%d", i)
		domain := virt.Domain{
			Name: name, Arch: "s390x", Accelerator: "tcg", VCPUs: 1, MaxVCPUs: 1, Memory: 512 << 20, MaxMemory: 512 << 20,
			Autostart: i%2 == 0,
		}
		if err := h.CreateDomain(ctx, domain); err != nil {
			t.Fatal(err)
		}
		if err := h.CreateVolume(ctx, virt.Volume{Pool: "ahead", Name: name, Format: "raw", Capacity: 1 << 20}); err != nil {
			t.Fatal(err)
		}
		names, paths = append(names, name), append(paths, "/srv/ahead/"+name)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(ctx)
		for _, name := range names {
			if err := h.DeleteDomain(ctx, name); err != nil {
				t.Error(err)
			}
			_ = h.DeleteVolume(ctx, "ahead", name) // the test deletes one of them
		}
		if err := h.DeletePool(ctx, "ahead", true); err != nil {
			t.Error(err)
		}
	})
	return names, paths
}
