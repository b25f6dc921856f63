package virttest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// internalSnapshot is a domain as it was at a snapshot.
type internalSnapshot struct{ defined, running virt.Domain }

// CreateSnapshot makes an internal snapshot of a domain.
func (h *Host) CreateSnapshot(ctx context.Context, name, snapshot string) error {
	return h.onDomain(ctx, "CreateSnapshot", name, func(d *domain) error {
		if _, found := d.internal[snapshot]; found {
			return exists("snapshot", snapshot)
		}
		now := d.Domain
		if d.State != virt.Off {
			now.Running = &d.running
		}
		if err := errors.Join(virt.CheckSnapshotName(snapshot), virt.CheckSnapshot(now), h.checkSnapshot(d)); err != nil {
			return err
		}
		if d.internal == nil {
			d.internal = map[string]internalSnapshot{}
		}
		d.internal[snapshot] = internalSnapshot{cloneDomain(d.Domain), cloneDomain(d.running)}
		return nil
	})
}

// RevertSnapshot returns a domain to an internal snapshot.
func (h *Host) RevertSnapshot(ctx context.Context, name, snapshot string) error {
	return h.onInternalSnapshot(ctx, "RevertSnapshot", name, snapshot, func(d *domain, s internalSnapshot) error {
		note := d.Note
		d.end(virt.ForcedOff)
		d.Domain = cloneDomain(s.defined)
		d.Note, d.State, d.Reason = note, virt.Off, virt.NoReason
		if s.defined.State == virt.Off {
			return nil
		}
		d.ended, d.installs, d.running = make(chan struct{}), false, cloneDomain(s.running)
		d.State, d.running.Note = s.defined.State, note
		return nil
	})
}

// DeleteSnapshot deletes an internal snapshot of a domain.
func (h *Host) DeleteSnapshot(ctx context.Context, name, snapshot string) error {
	return h.onInternalSnapshot(ctx, "DeleteSnapshot", name, snapshot, func(d *domain, _ internalSnapshot) error {
		delete(d.internal, snapshot)
		return nil
	})
}

func (h *Host) onInternalSnapshot(ctx context.Context, method, name, snapshot string, f func(*domain, internalSnapshot) error) error {
	return h.onDomain(ctx, method, name, func(d *domain) error {
		if slices.Contains(d.snapshots, snapshot) {
			return fmt.Errorf("the snapshot %q is external", snapshot)
		}
		found, exists := d.internal[snapshot]
		if !exists {
			return fmt.Errorf("%w: %w", virt.ErrNoSnapshot, notFound("snapshot", snapshot))
		}
		if err := h.checkSnapshot(d); err != nil {
			return err
		}
		return f(d, found)
	})
}

func (h *Host) checkSnapshot(d *domain) error {
	switch {
	case d.State != virt.Off && d.installs:
		return errors.New("the guest is being installed")
	case d.saved != nil:
		return errors.New("the memory of the guest is saved")
	}
	for _, disk := range d.Disks {
		if layers := h.beneath(disk); len(layers) > 0 {
			return fmt.Errorf("the overlay %s is over the disk %s", disk.Path, layers[0].Where)
		}
	}
	return nil
}
