package virttest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Snapshot puts an overlay over each disk of a domain, as virsh snapshot-create-as --disk-only does.
func (h *Host) Snapshot(ctx context.Context, name, snapshot string) error {
	return h.onDomain(ctx, "Snapshot", name, func(d *domain) error {
		for i, disk := range d.Disks {
			overlay := strings.TrimSuffix(disk.Path, path.Ext(disk.Path)) + "." + snapshot
			beneath := newImage(virt.Volume{Capacity: 1 << 20, Backing: &virt.Backing{Path: disk.Path, Format: disk.Format}})
			h.newFile(overlay, 0o600).write(0, beneath.header())
			h.layers[overlay] = virt.Layer{Where: disk.Path, Format: disk.Format, Snapshot: snapshot}
			d.Disks[i].Path, d.Disks[i].Volume, d.Disks[i].Format = overlay, "", "qcow2"
		}
		d.snapshots = append(d.snapshots, snapshot)
		if d.State != virt.Off {
			d.running.Disks = clone(d.Disks)
		}
		return nil
	})
}

// Commit gives a domain the files beneath its overlays again, as virsh blockcommit --active --pivot does.
func (h *Host) Commit(ctx context.Context, name string) error {
	return h.onDomain(ctx, "Commit", name, func(d *domain) error {
		for _, disks := range [][]virt.Disk{d.Disks, d.running.Disks} {
			for i, disk := range disks {
				if layers := h.beneath(disk); len(layers) > 0 {
					disks[i].Path, disks[i].Format = layers[len(layers)-1].Where, layers[len(layers)-1].Format
				}
			}
		}
		return nil
	})
}

// Beneath returns the layers beneath a disk.
func (h *Host) Beneath(ctx context.Context, _ string, disk virt.Disk) ([]virt.Layer, error) {
	return call(ctx, h, "Beneath", func() ([]virt.Layer, error) { return h.beneath(disk), nil })
}

func (h *Host) beneath(disk virt.Disk) (layers []virt.Layer) {
	for next, found := h.layers[disk.Path]; found; next, found = h.layers[next.Where] {
		layers = append(layers, next)
	}
	return layers
}

// DisksWithOverlays returns the wanted disks of a domain, with the overlays that it has.
func (h *Host) DisksWithOverlays(ctx context.Context, name string, wanted []virt.Disk) (disks []virt.Disk, err error) {
	err = h.onDomain(ctx, "DisksWithOverlays", name, func(d *domain) error {
		disks = h.withOverlays(wanted, d.Disks)
		return nil
	})
	return disks, err
}

func (h *Host) withOverlays(wanted, now []virt.Disk) []virt.Disk {
	now = slices.Clone(now)
	for i, disk := range now {
		now[i].Chain = h.beneath(disk)
	}
	return virt.WithOverlays(wanted, now)
}

// CheckResize returns the names of the domains that use a volume as a disk. It returns an error if the volume lies
// beneath a disk.
func (h *Host) CheckResize(ctx context.Context, pool, name string) ([]string, error) {
	return call(ctx, h, "CheckResize", func() (guests []string, err error) {
		_, where, err := h.lookupVolume(pool, name)
		if err != nil {
			return nil, err
		}
		for _, d := range h.domains {
			for _, disk := range d.Disks {
				if slices.ContainsFunc(h.beneath(disk), func(l virt.Layer) bool { return l.Where == where }) {
					return nil, fmt.Errorf("it lies beneath the disk %s of domain %q", disk.Path, d.Name)
				}
				if disk.Path == where {
					guests = append(guests, d.Name)
				}
			}
		}
		return guests, nil
	})
}

// Save saves a running guest, and stops it.
func (h *Host) Save(ctx context.Context, name string) error {
	return h.onDomain(ctx, "Save", name, func(d *domain) error {
		saved := cloneDomain(d.running)
		d.end(virt.WasSaved)
		d.saved = &saved
		return nil
	})
}

// SavedDomain returns the machine that a domain was saved with.
func (h *Host) SavedDomain(ctx context.Context, name string) (saved *virt.Domain, err error) {
	err = h.onDomain(ctx, "SavedDomain", name, func(d *domain) error {
		if d.saved != nil {
			machine := cloneDomain(*d.saved)
			saved = &machine
		}
		return nil
	})
	return saved, err
}

// DiscardSaved removes a domain's saved image.
func (h *Host) DiscardSaved(ctx context.Context, name string) error {
	return h.onDomain(ctx, "DiscardSaved", name, func(d *domain) error {
		d.saved = nil
		return nil
	})
}

// Belongings returns a domain's saved image and its snapshots.
func (h *Host) Belongings(ctx context.Context, name string) (found virt.Belongings, err error) {
	err = h.onDomain(ctx, "Belongings", name, func(d *domain) error {
		found = virt.Belongings{Saved: d.saved != nil, Snapshots: slices.AppendSeq(slices.Clone(d.snapshots), maps.Keys(d.internal))}
		slices.Sort(found.Snapshots)
		return nil
	})
	return found, err
}

// IsTransient reports false: libvirt forgets none of these domains when they end.
func (h *Host) IsTransient(ctx context.Context, name string) (bool, error) {
	return false, h.onDomain(ctx, "IsTransient", name, func(*domain) error { return nil })
}

// RenameDomain gives a domain another name, as virsh domrename does.
func (h *Host) RenameDomain(ctx context.Context, name, to string) error {
	return h.onDomain(ctx, "RenameDomain", name, func(d *domain) error {
		if h.domains[to] != nil {
			return exists("domain", to)
		}
		delete(h.domains, name)
		d.Name = to
		h.domains[to] = d
		return nil
	})
}
