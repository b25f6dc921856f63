package virt

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/beevik/etree"
	"github.com/digitalocean/go-libvirt"
)

// A snapshot (virsh snapshot-create-as --disk-only), many backup programs and some block jobs give a guest an overlay in
// the place of its disk: a new file, which gets what the guest writes from then on, over the one that the guest had. The
// guest's disk is then what both files make together, and a guest that is pointed at the file beneath loses what was
// written since.

// Layer is what lies beneath a guest's disk.
type Layer struct {
	Where    string // as Disk.Where has it
	Format   string // "" where it is not known
	Snapshot string // which has put the overlay over it; "" where libvirt knows of none
}

// Disk is a disk at the place of a layer.
func (l Layer) Disk() Disk {
	switch {
	case strings.HasPrefix(l.Where, "/"):
		return Disk{Path: l.Where, Format: l.Format}
	case strings.Contains(l.Where, "://"):
		return Disk{URL: l.Where, Format: l.Format}
	default:
		return Disk{Volume: l.Where, Format: l.Format}
	}
}

// maxLayers bounds a chain: no program makes a longer one, and each layer may be a call.
const maxLayers = 64

// parseChain reads what is beneath a disk, which libvirt shows of a guest that runs, and sometimes of a definition; nil
// where it does not.
func parseChain(disk *etree.Element) []Layer {
	if disk.SelectElement("backingStore") == nil {
		return nil
	}
	layers := []Layer{}
	for next := disk.SelectElement("backingStore"); next != nil && next.SelectElement("source") != nil && len(layers) < maxLayers; next = next.SelectElement("backingStore") {
		var place Disk
		place.parseSource(next)
		layers = append(layers, Layer{Where: place.Where(), Format: attr(next.SelectElement("format"), "type")})
	}
	return layers
}

// shareChains tells of a definition's disks what is beneath them, which libvirt shows of the guest that runs.
func shareChains(defined, running []Disk) {
	for i, disk := range defined {
		if at := slices.IndexFunc(running, disk.Is); at >= 0 && disk.Chain == nil {
			defined[i].Chain = running[at].Chain
		}
	}
}

// isOver tells whether a disk is an overlay of another one.
func (disk Disk) isOver(other Disk) bool {
	return slices.ContainsFunc(disk.Chain, func(l Layer) bool { return other.isAt(l.Where) })
}

// isAt tells whether a disk is at a place, as Where has it.
func (disk Disk) isAt(where string) bool {
	return where != "" && (where == disk.Path || where == disk.Volume || disk.URL != "" && SameURL(where, disk.URL))
}

// WithOverlays are the disks that are wanted of a guest, each in the place of which the guest has an overlay being that
// overlay. now is what the guest has, with what is beneath.
func WithOverlays(wanted, now []Disk) []Disk {
	result := slices.Clone(wanted)
	for i, disk := range wanted {
		if slices.ContainsFunc(now, disk.Is) {
			continue
		}
		at := slices.IndexFunc(now, func(n Disk) bool { return n.isOver(disk) && !slices.ContainsFunc(result, n.Is) })
		if at < 0 {
			continue
		}
		top := now[at]
		result[i].Path, result[i].Block, result[i].Volume, result[i].URL, result[i].Secret, result[i].Format = top.Path, top.Block, top.Volume, top.URL, top.Secret, top.Format
	}
	return result
}

// SameDisks tells whether two lists have the same disks, in any order, where an overlay counts as what it lies over.
func SameDisks(a, b []Disk) bool {
	same := func(x Disk) func(Disk) bool {
		return func(y Disk) bool { return x.Is(y) || x.isOver(y) || y.isOver(x) }
	}
	return len(a) == len(b) &&
		!slices.ContainsFunc(a, func(x Disk) bool { return !slices.ContainsFunc(b, same(x)) }) &&
		!slices.ContainsFunc(b, func(x Disk) bool { return !slices.ContainsFunc(a, same(x)) })
}

// DisksWithOverlays is WithOverlays of a guest that the host has: as it is defined and, where it runs, as it runs.
func (h *Host) DisksWithOverlays(ctx context.Context, name string, wanted []Disk) ([]Disk, error) {
	domain, text, err := h.definition(ctx, name)
	if err != nil {
		return nil, err
	}
	defined, err := parseDomain(text)
	if err != nil {
		return nil, err
	}
	return h.withOverlays(ctx, domain, wanted, defined.Disks)
}

func (h *Host) withOverlays(ctx context.Context, domain libvirt.Domain, wanted, defined []Disk) ([]Disk, error) {
	if domain.ID >= 0 {
		running, _, err := liveDomain{h, domain}.read(ctx)
		if err != nil && !refusedWith(err, libvirt.ErrNoDomain) {
			return nil, err
		}
		if wanted, err = h.overThese(ctx, domain.Name, wanted, running.Disks); err != nil {
			return nil, err
		}
	}
	return h.overThese(ctx, domain.Name, wanted, defined)
}

// overThese is WithOverlays of a guest's disks, of which it finds out what is beneath where it has to know.
func (h *Host) overThese(ctx context.Context, name string, wanted, now []Disk) ([]Disk, error) {
	if !slices.ContainsFunc(wanted, func(w Disk) bool { return !slices.ContainsFunc(now, w.Is) }) {
		return wanted, nil
	}
	now = slices.Clone(now)
	for i, disk := range now {
		if slices.ContainsFunc(wanted, disk.Is) {
			continue
		}
		var err error
		if now[i].Chain, err = h.Beneath(ctx, name, disk); err != nil {
			return nil, err
		}
	}
	return WithOverlays(wanted, now), nil
}

// Beneath is what lies beneath a disk that a guest has, from the top down. It is asked for where a guest has another disk
// than it should, for it takes several calls: libvirt shows it of a guest that runs; else the guest's snapshots tell, which
// also know of an overlay that has taken in what was beneath (virsh blockpull); else the files themselves.
func (h *Host) Beneath(ctx context.Context, domain string, disk Disk) ([]Layer, error) {
	snapshots, err := h.snapshotLayers(ctx, domain)
	if err != nil {
		return nil, err
	}
	var layers []Layer
	isNew := func(l Layer) bool {
		return l.Where != "" && l.Where != disk.Where() && len(layers) < maxLayers && !slices.ContainsFunc(layers, func(o Layer) bool { return o.Where == l.Where })
	}
	top, format := disk.Where(), disk.Format
	for {
		next := snapshots[top]
		switch at := len(layers); {
		case at < len(disk.Chain):
			if next.Where != disk.Chain[at].Where {
				next = disk.Chain[at]
			}
		case next.Where == "" && disk.Chain == nil && format != "raw":
			if next, err = h.fileBeneath(ctx, top); err != nil {
				return nil, err
			}
		}
		if !isNew(next) {
			return layers, nil
		}
		layers = append(layers, next)
		top, format = next.Where, next.Format
	}
}

// snapshotLayers is what the snapshots of a guest say of disks: what was beneath an overlay when it was made.
func (h *Host) snapshotLayers(ctx context.Context, name string) (map[string]Layer, error) {
	return query(ctx, h, "virDomainListAllSnapshots", func(l *libvirt.Libvirt) (map[string]Layer, error) {
		domain, err := l.DomainLookupByName(name)
		if err != nil {
			return nil, err
		}
		snapshots, _, err := l.DomainListAllSnapshots(domain, 1, uint32(libvirt.DomainSnapshotListExternal))
		if err != nil {
			return nil, err
		}
		layers := map[string]Layer{}
		for _, snapshot := range snapshots {
			text, err := l.DomainSnapshotGetXMLDesc(snapshot, 0)
			if isCode(err, libvirt.ErrNoDomainSnapshot) {
				continue // somebody has deleted it meanwhile
			}
			if err != nil {
				return nil, err
			}
			if err := addSnapshot(layers, text); err != nil {
				return nil, err
			}
		}
		return layers, nil
	})
}

// addSnapshot reads a snapshot. It names the overlay that it has made of each disk, and that of each to which the guest was
// reverted since (libvirt 9.10), and has the definition from before it.
// https://libvirt.org/formatsnapshot.html
func addSnapshot(layers map[string]Layer, text string) error {
	root, err := parseXML(text)
	if err != nil {
		return err
	}
	before := map[string]*etree.Element{}
	for _, disk := range diskElements(root.SelectElement("domain").NotNil().SelectElement("devices").NotNil()) {
		before[attr(disk.SelectElement("target"), "dev")] = disk
	}
	overlays := append(root.FindElements("disks/disk[@snapshot='external']"), root.FindElements("revertDisks/disk[@snapshot='external']")...)
	for _, disk := range overlays {
		var overlay Disk
		overlay.parseSource(disk)
		if was := before[attr(disk, "name")]; was != nil && overlay.Where() != "" {
			beneath := parseDisk(was)
			layers[overlay.Where()] = Layer{beneath.Where(), beneath.Format, childText(root, "name")}
		}
	}
	return nil
}

// fileBeneath is what a file on the host lies over, as itself says; none where it cannot be read.
func (h *Host) fileBeneath(ctx context.Context, file string) (Layer, error) {
	if !strings.HasPrefix(file, "/") || strings.HasPrefix(file, "/dev/") {
		return Layer{}, nil
	}
	volume, err := h.volumeOfFile(ctx, file)
	if errors.Is(err, ErrNotFound) {
		return Layer{}, nil
	}
	if err != nil || volume.Backing == nil {
		return Layer{}, err
	}
	where := volume.Backing.Path
	if strings.HasPrefix(where, "/") {
		where = path.Clean(where)
	}
	return Layer{Where: where, Format: volume.Backing.Format}, nil
}

// volumeOfFile reads a file as a volume: of the pool that it is in, which may not know of it yet, or else of one that is
// there for a moment.
func (h *Host) volumeOfFile(ctx context.Context, file string) (volume Volume, err error) {
	dir, base := path.Split(file)
	dir = path.Clean(dir)
	pool, name, err := h.VolumeAt(ctx, file)
	if err == nil {
		return h.Volume(ctx, pool, name)
	}
	if !errors.Is(err, ErrNotFound) {
		return Volume{}, err
	}
	at, err := h.PoolAt(ctx, dir)
	if err == nil && at.Active {
		if err := h.refreshPool(ctx, at.Name); err != nil {
			return Volume{}, err
		}
		return h.Volume(ctx, at.Name, base)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Volume{}, err
	}
	err = h.withTransientPool(ctx, dir, func(pool string) error {
		volume, err = h.Volume(ctx, pool, base)
		return err
	})
	if isRefused(err) { // a directory that is gone, or that libvirt may not read
		err = ErrNotFound
	}
	return volume, err
}
