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

// A snapshot (virsh snapshot-create-as --disk-only), many backup programs and some block jobs replace a guest's disk
// by an overlay: a new file on top of the guest's old one, which receives what the guest writes from then on. The
// guest's disk is then both files together. A guest that gets the lower file back loses what was written since.

// Layer is a file beneath a guest's disk.
type Layer struct {
	Where    string // as returned by Disk.Where
	Format   string // "" if it is not known
	Snapshot string // the snapshot that put the overlay on top; "" if libvirt knows of none
}

// Disk returns a disk at the place of a layer.
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

// maxLayers limits a chain. No program makes a longer one, and each layer may cost a call.
const maxLayers = 64

// parseChain reads the layers beneath a disk. libvirt shows them for a running guest, and sometimes in a definition.
// The result is nil if libvirt does not show them.
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

// shareChains copies the layers beneath disks from the running guest, for which libvirt shows them, to the
// definition's disks.
func shareChains(defined, running []Disk) {
	for i, disk := range defined {
		if at := slices.IndexFunc(running, disk.Is); at >= 0 && disk.Chain == nil {
			defined[i].Chain = running[at].Chain
		}
	}
}

// isOver reports whether a disk is an overlay of another disk.
func (disk Disk) isOver(other Disk) bool {
	return slices.ContainsFunc(disk.Chain, func(l Layer) bool { return other.isAt(l.Where) })
}

// isAt reports whether a disk is at a place, in the form of Where.
func (disk Disk) isAt(where string) bool {
	return where != "" && (where == disk.Path || where == disk.Volume || disk.URL != "" && SameURL(where, disk.URL))
}

// WithOverlays returns the wanted disks of a guest. If the guest has an overlay on top of a wanted disk, the overlay
// replaces that disk. now are the guest's current disks, with the layers beneath them.
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

// SameDisks reports whether two lists have the same disks, in any order. An overlay counts as the disk beneath it.
func SameDisks(a, b []Disk) bool {
	same := func(x Disk) func(Disk) bool {
		return func(y Disk) bool { return x.Is(y) || x.isOver(y) || y.isOver(x) }
	}
	return len(a) == len(b) &&
		!slices.ContainsFunc(a, func(x Disk) bool { return !slices.ContainsFunc(b, same(x)) }) &&
		!slices.ContainsFunc(b, func(x Disk) bool { return !slices.ContainsFunc(a, same(x)) })
}

// DisksWithOverlays applies WithOverlays to a guest on the host: as it is defined and, if it runs, as it runs.
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

// overThese applies WithOverlays to a guest's disks. It finds the layers beneath a disk only if it needs them.
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

// Beneath returns the layers beneath a guest's disk, from the top down. It takes several calls, so it is used only if
// a guest has another disk than it should. libvirt shows the layers of a running guest. Otherwise the guest's
// snapshots have them, including an overlay into which the layers beneath were merged (virsh blockpull). Otherwise
// the files themselves have them.
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

// snapshotLayers reads from a guest's snapshots what was beneath each overlay when it was made.
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
				continue // another user or program has deleted it in the meantime
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

// addSnapshot reads a snapshot. A snapshot names the overlay that it made for each disk, the overlay of each disk to
// which the guest was reverted since (libvirt 9.10), and has the definition from before the snapshot.
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

// fileBeneath returns the backing file that a file on the host names, or no layer if the file cannot be read.
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

// volumeOfFile reads a file as a volume: in the pool that contains it, which may not list it yet, or otherwise in a
// pool that exists only for this purpose.
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
	if isRefused(err) { // the directory does not exist, or libvirt may not read it
		err = ErrNotFound
	}
	return volume, err
}
