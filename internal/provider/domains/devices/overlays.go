package devices

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/provider/framework"
	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Foreign is what other programs have done to the disks of a guest.
type Foreign struct {
	Overlays []Overlay
	Gone     []string // disks of the state that the guest no longer has
	Come     []string // disks that the state does not have
}

// Overlay is a file that a snapshot, a backup or a block job of another program has put on a disk. The state has the disk, and the
// guest uses the overlay.
type Overlay struct {
	Disk     string // the disk as the state names it
	Base     string // path of the disk on the host
	File     string // path of the overlay on the host
	Name     string // the overlay as a configuration names it
	Target   string // libvirt's name of the disk
	Snapshot string // the snapshot that created it; "" if libvirt knows of none
	Alone    bool   // it contains all data and no longer needs its backing (virsh blockpull)
}

// add adds a disk that the state does not have, or the overlay on a disk that the state has.
func (f *Foreign) add(disk Disk, overlay *Overlay) {
	if overlay != nil {
		f.Overlays = append(f.Overlays, *overlay)
	} else {
		f.Come = append(f.Come, disk.name())
	}
}

// name is a disk as a configuration names it.
func (m Disk) name() string {
	_, where, _ := m.where()
	return where
}

// mayBeOverlay tells whether an imported disk may have a backing, as far as this is known without asking the host.
func (m *Disk) mayBeOverlay(disk virt.Disk, v virt.Volume) bool {
	return len(disk.Chain) > 0 || v.Backing != nil || m.Volume.IsNull() && disk.Format != defaultFormat
}

// beneath replaces an overlay with the disk that it is on: one of the disks that the guest no longer has or, without a state, the
// disk that a snapshot has put an overlay on. It returns nil in all other cases, because then the guest is meant to use the disk as
// it is.
func (m *Disk) beneath(ctx context.Context, host Host, at framework.Placement, domain string, disk virt.Disk, gone []Disk) (*Overlay, error) {
	layers, err := host.Beneath(ctx, domain, disk)
	if err != nil {
		return nil, err
	}
	isWanted := func(i int, found Disk) bool {
		if len(gone) > 0 {
			return slices.ContainsFunc(gone, func(o Disk) bool { return o.isSame(at, found) })
		}
		return layers[i].Snapshot != "" && (i == len(layers)-1 || layers[i+1].Snapshot == "")
	}
	overlay := Overlay{File: disk.Where(), Name: m.name(), Target: disk.Target}
	for i, layer := range layers {
		if layer.Snapshot != "" {
			overlay.Snapshot = layer.Snapshot // the first snapshot that created an overlay on the disk
		}
		found := Disk{URL: framework.Optional(layer.Disk().URL)}
		if err := found.locate(ctx, host, at, layer.Disk(), gone); err != nil {
			return nil, err
		}
		if !isWanted(i, found) {
			continue
		}
		m.Volume, m.Path, m.URL = found.Volume, found.Path, found.URL
		overlay.Disk, overlay.Base = m.name(), layer.Where
		overlay.Alone = disk.Chain != nil && !slices.ContainsFunc(disk.Chain, func(l virt.Layer) bool { return l.Where == layer.Where })
		return &overlay, nil
	}
	return nil, nil
}

// End says how to end an overlay on a domain's disk.
func (o Overlay) End(domain string) string {
	if o.Alone {
		return fmt.Sprintf("%s contains all data of the disk. To keep it, set it in the configuration instead of %s.", o.Name, o.Disk)
	}
	disk := virt.Disk{Target: o.Target}
	return fmt.Sprintf("To end the overlay, run this while the guest is running: %s", virt.CommitCommand(domain, disk, o.Base))
}

// Since says since when an overlay exists.
func (o Overlay) Since() string {
	if o.Snapshot == "" {
		return ""
	}
	return fmt.Sprintf(" since snapshot %q", o.Snapshot)
}

// Has tells whether a list of disks has a disk with this name.
func Has(ctx context.Context, list types.List, name string, diags *diag.Diagnostics) bool {
	var disks []Disk
	diags.Append(list.ElementsAs(ctx, &disks, false)...)
	return slices.ContainsFunc(disks, func(d Disk) bool { return d.name() == name })
}

// Added are the disks that to has and from does not, converted for package virt. It returns none if a disk is unknown, or if no disk
// is removed for them.
func Added(ctx context.Context, host Host, at framework.Placement, from, to types.List, diags *diag.Diagnostics) []virt.Disk {
	if to.IsUnknown() || framework.HasUnknownElement(to) {
		return nil
	}
	var before, after []Disk
	diags.Append(from.ElementsAs(ctx, &before, false)...)
	diags.Append(to.ElementsAs(ctx, &after, false)...)
	missing := func(list []Disk) func(Disk) bool {
		return func(d Disk) bool { return !slices.ContainsFunc(list, func(o Disk) bool { return o.isSame(at, d) }) }
	}
	if !slices.ContainsFunc(before, missing(after)) {
		return nil
	}
	var added []virt.Disk
	for _, disk := range after {
		if disk.Volume.IsUnknown() || disk.Path.IsUnknown() || disk.URL.IsUnknown() || !missing(before)(disk) {
			continue
		}
		v, err := disk.volume(ctx, host, at)
		if err != nil || v.Path == "" && !disk.Volume.IsNull() { // the volume does not exist yet
			continue
		}
		place := virt.Disk{Path: disk.Path.ValueString(), URL: disk.URL.ValueString(), Volume: at.Local(disk.Volume)}
		if v.Path != "" {
			place.Path = v.Path
		}
		added = append(added, place)
	}
	return added
}
