package virt

import (
	"context"
	"fmt"
	"slices"

	"github.com/beevik/etree"
)

// UnplugVolume removes a volume from a running guest that only reads it: it unplugs a disk, or ejects a medium. The
// guest's definition keeps the volume.
func (h *Host) UnplugVolume(ctx context.Context, domain string, v Volume) error {
	return h.whileRunning(ctx, domain, func(live liveDomain) error {
		now, devices, err := live.read(ctx)
		if err != nil {
			return err
		}
		drives := slices.Clone(now.CDROMs)
		for i := range drives {
			if v.isAt(drives[i]) {
				drives[i] = Disk{Bus: drives[i].Bus}
			}
		}
		if err := live.changeMedia(ctx, now, devices, drives); err != nil {
			return err
		}
		without := now
		without.Disks = slices.DeleteFunc(slices.Clone(now.Disks), v.isAt)
		return live.detachMissing(ctx, now, devices, without)
	})
}

// PlugVolume attaches a volume to a running guest that is defined with it and does not have it.
func (h *Host) PlugVolume(ctx context.Context, domain string, v Volume) error {
	return h.whileRunning(ctx, domain, func(live liveDomain) error {
		_, text, err := h.definition(ctx, domain)
		if err != nil {
			return err
		}
		root, err := parseXML(text)
		if err != nil {
			return err
		}
		now, devices, err := live.read(ctx)
		if err != nil {
			return err
		}
		defined := child(root, "devices")
		if err := live.plugDisks(ctx, devices, diskElements(defined), v); err != nil {
			return err
		}
		return live.insert(ctx, now, devices, cdromElements(defined), v)
	})
}

// plugDisks attaches the disks with a volume as they are defined, including everything that is not modelled.
func (l liveDomain) plugDisks(ctx context.Context, devices *etree.Element, defined []*etree.Element, v Volume) error {
	has := diskElements(devices)
	names := newDiskNames(devices.SelectElements("disk"))
	for i, disk := range defined {
		isVolume := func(e *etree.Element) bool { return v.isAt(sourceOf(e)) }
		if !isVolume(disk) || slices.ContainsFunc(has, isVolume) {
			continue
		}
		removeAll(disk, "boot") // another device may have this position in the running guest's boot order
		names.give(disk, i)
		if err := l.attach(ctx, "disk "+v.Path, disk); err != nil {
			return err
		}
	}
	return nil
}

// insert inserts a volume into the drives that are defined with it.
func (l liveDomain) insert(ctx context.Context, now Domain, devices *etree.Element, defined []*etree.Element, v Volume) error {
	drives := slices.Clone(now.CDROMs)
	for i := range min(len(drives), len(defined)) {
		if medium := parseCDROM(defined[i]); v.isAt(medium) {
			drives[i] = medium
		}
	}
	if err := l.changeMedia(ctx, now, devices, drives); err != nil {
		return fmt.Errorf("unable to insert %s: %w", v.Path, err)
	}
	return nil
}
