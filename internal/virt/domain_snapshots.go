package virt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// Snapshots here are internal: each is inside the qcow2 files of the guest's disks, together with the memory of a guest that
// runs. External snapshots put overlays over the disks. Both kinds at once confuse libvirt: it reverts a guest to the file
// beneath an overlay without a word about the overlay, and libvirtd 11.3 crashes when the external snapshot is then deleted.

// CreateSnapshot makes a snapshot of a guest's disks and, if the guest runs, of its memory. The guest pauses for that. It
// returns ErrExists if the guest has a snapshot of that name.
func (h *Host) CreateSnapshot(ctx context.Context, name, snapshot string) error {
	if err := CheckSnapshotName(snapshot); err != nil {
		return err
	}
	d, err := h.Domain(ctx, name)
	if err != nil {
		return err
	}
	if err := errors.Join(CheckSnapshot(d), h.checkQuiet(ctx, name), h.checkNoOverlay(ctx, d, nil)); err != nil {
		return err
	}
	root := etree.NewElement("domainsnapshot")
	root.CreateElement("name").SetText(snapshot)
	text, err := formatXML(root)
	if err != nil {
		return err
	}
	err = change(ctx, h, "virDomainSnapshotCreateXML", func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		_, err = l.DomainSnapshotCreateXML(domain, text, 0)
		return err
	})
	if isRefused(err) { // libvirt has no code for a name that is in use
		return existsIfFound(err, func() error { _, err := h.snapshotXML(ctx, name, snapshot); return err })
	}
	return err
}

// RevertSnapshot returns a guest to a snapshot: its disks, its definition, and its memory if the guest ran at the snapshot. A
// guest that was off then is off afterwards. The note stays, because it is about what happened since.
func (h *Host) RevertSnapshot(ctx context.Context, name, snapshot string) error {
	before, err := h.checkOwnSnapshot(ctx, name, snapshot)
	if err != nil {
		return err
	}
	err = h.onSnapshot(ctx, "virDomainRevertToSnapshot", name, snapshot, func(l *libvirt.Libvirt, s libvirt.DomainSnapshot) error {
		return l.DomainRevertToSnapshot(s, 0)
	})
	ctx = context.WithoutCancel(ctx)
	after, readErr := h.Domain(ctx, name)
	switch {
	case err != nil && readErr == nil && before.State != Off && after.State == Off:
		return fmt.Errorf("%w. The guest is off now, because libvirt ends it before it reverts", err)
	case err != nil || readErr != nil:
		return errors.Join(err, readErr)
	case after.Note != before.Note || after.Running != nil && after.Running.Note != before.Note:
		return h.SetNote(ctx, name, before.Note)
	}
	return nil
}

// DeleteSnapshot deletes a snapshot of a guest. The guest stays as it is.
func (h *Host) DeleteSnapshot(ctx context.Context, name, snapshot string) error {
	if _, err := h.checkOwnSnapshot(ctx, name, snapshot); err != nil {
		return err
	}
	return h.onSnapshot(ctx, "virDomainSnapshotDelete", name, snapshot, func(l *libvirt.Libvirt, s libvirt.DomainSnapshot) error {
		return l.DomainSnapshotDelete(s, 0)
	})
}

func (h *Host) onSnapshot(ctx context.Context, operation, name, snapshot string, f func(*libvirt.Libvirt, libvirt.DomainSnapshot) error) error {
	return change(ctx, h, operation, func(l *libvirt.Libvirt) error {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return err
		}
		found, err := l.DomainSnapshotLookupByName(domain, snapshot, 0)
		if err != nil {
			return err
		}
		return f(l, found)
	})
}

func (h *Host) snapshotXML(ctx context.Context, name, snapshot string) (string, error) {
	return query(ctx, h, "virDomainSnapshotGetXMLDesc", func(l *libvirt.Libvirt) (string, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return "", err
		}
		found, err := l.DomainSnapshotLookupByName(domain, snapshot, 0)
		if err != nil {
			return "", err
		}
		return l.DomainSnapshotGetXMLDesc(found, 0)
	})
}

// CheckSnapshotName refuses a number, because QEMU also numbers the snapshots in a file, and prefers its number to a name
// (QEMU block/snapshot.c, bdrv_snapshot_find_by_id_and_name; block/qcow2-snapshot.c, find_snapshot_by_id_or_name).
func CheckSnapshotName(name string) error {
	if strings.Trim(name, "0123456789") == "" {
		return fmt.Errorf("%q is a number, with which QEMU may find another snapshot; use a name with a letter", name)
	}
	return nil
}

// CheckSnapshot returns an error if a guest has a disk that cannot hold a snapshot, or no disk that can, or if its firmware
// prevents one: libvirt src/qemu/qemu_snapshot.c, qemuSnapshotPrepare.
func CheckSnapshot(d Domain) error {
	var err error
	if d.Running != nil && d.isUEFI() {
		err = errors.New("libvirt cannot make a snapshot of a guest with UEFI while the guest runs; shut it down first. The snapshot does not have the settings of UEFI")
	}
	written := 0
	for _, disk := range d.now().Disks {
		switch {
		case disk.ReadOnly:
		case disk.Format != "qcow2":
			err = errors.Join(err, fmt.Errorf("the disk %s has the format %s, which cannot hold a snapshot; use format = \"qcow2\" for its volume, or readonly = true if the guest does not write to it", disk.Where(), disk.Format))
		default:
			written++
		}
	}
	if err == nil && written == 0 {
		return errors.New("the guest has no qcow2 disk that it writes to, and a snapshot is inside such disks")
	}
	return err
}

// now is a guest as it runs, or as it is defined if it is off.
func (d Domain) now() Domain {
	if d.Running != nil {
		return *d.Running
	}
	return d
}

// checkQuiet returns an error if something happens to a guest that a snapshot must not interfere with.
func (h *Host) checkQuiet(ctx context.Context, name string) error {
	belongings, err := h.Belongings(ctx, name)
	if err != nil {
		return err
	}
	installing, err := h.Installing(ctx, name)
	switch {
	case err != nil:
		return err
	case installing:
		return errors.New("the guest is being installed; wait until its installation ends")
	case belongings.Saved:
		return fmt.Errorf("the memory of the guest is saved (virsh managedsave) and belongs to the disks as they are now; start the guest, or discard its memory (virsh managedsave-remove %s)", name)
	case len(belongings.Jobs) > 0:
		return fmt.Errorf("a block job runs on the guest (%s); wait until it ends, or end it (virsh blockjob %s DISK --abort)", belongings.Jobs[0], name)
	}
	return nil
}

// checkNoOverlay returns an error if a disk is an overlay that an external snapshot made, or that lies over one of the disks
// of a snapshot.
func (h *Host) checkNoOverlay(ctx context.Context, d Domain, snapshot []Disk) error {
	for _, disk := range d.now().Disks {
		layers, err := h.Beneath(ctx, d.Name, disk)
		if err != nil {
			return err
		}
		for _, layer := range layers {
			isOver := slices.ContainsFunc(snapshot, func(s Disk) bool { return s.isAt(layer.Where) })
			if isOver || layer.Snapshot != "" {
				return fmt.Errorf("an external snapshot or a backup has put the overlay %s over the disk %s, and what the guest has written since is only in the overlay. "+
					"End it first: virsh blockcommit %s %s --base %s --active --pivot", disk.Where(), layer.Where, d.Name, disk.Target, layer.Where)
			}
		}
	}
	return nil
}

// checkOwnSnapshot returns an error if a guest cannot be reverted to a snapshot, or the snapshot cannot be deleted. It returns
// the guest.
func (h *Host) checkOwnSnapshot(ctx context.Context, name, snapshot string) (Domain, error) {
	d, err := h.Domain(ctx, name)
	if err != nil {
		return d, err
	}
	text, err := h.snapshotXML(ctx, name, snapshot)
	if err != nil {
		return d, err
	}
	root, err := parseXML(text)
	if err != nil {
		return d, err
	}
	if len(root.FindElements("disks/disk[@snapshot='external']")) > 0 || attr(root.SelectElement("memory"), "snapshot") == "external" {
		return d, fmt.Errorf("the snapshot %q is external: another program or user made it, with files of its own. Use virsh snapshot-revert or virsh snapshot-delete", snapshot)
	}
	var disks []Disk
	for _, disk := range diskElements(root.SelectElement("domain").NotNil().SelectElement("devices").NotNil()) {
		disks = append(disks, parseDisk(disk))
	}
	return d, errors.Join(CheckSnapshotName(snapshot), h.checkQuiet(ctx, name), h.checkNoOverlay(ctx, d, disks))
}
