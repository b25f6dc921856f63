package virt

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
	"libvirt.org/go/libvirtxml"
)

func volumeXML(v Volume) *libvirtxml.StorageVolume {
	doc := &libvirtxml.StorageVolume{
		Name:       v.Name,
		Allocation: v.wantedAllocation(),
		Capacity:   inBytes(v.Capacity),
		Target: &libvirtxml.StorageVolumeTarget{
			Format: &libvirtxml.StorageVolumeTargetFormat{Type: v.Format},
			Compat: v.Compat,
		},
	}
	if v.ClusterSize > 0 {
		doc.Target.ClusterSize = &libvirtxml.StorageVolumeTargetClusterSize{Value: v.ClusterSize, Unit: "B"}
	}
	if v.Mode != "" || v.Owner != "" || v.Group != "" {
		doc.Target.Permissions = &libvirtxml.StorageVolumeTargetPermissions{Mode: v.Mode, Owner: v.Owner, Group: v.Group}
	}
	if v.Backing != nil {
		doc.BackingStore = &libvirtxml.StorageVolumeBackingStore{
			Path:   v.Backing.Path,
			Format: &libvirtxml.StorageVolumeTargetFormat{Type: v.Backing.Format},
		}
	}
	return doc
}

// wantedAllocation returns how much of a new volume is allocated at once. libvirt allocates a raw volume by it,
// src/storage/storage_util.c, createRawFile. For a qcow2 volume with metadata, libvirt passes preallocation=falloc to
// qemu-img if it equals the capacity, storageBackendCreateQemuImgOpts. Without it, libvirt allocates all of a raw
// volume.
func (v Volume) wantedAllocation() *libvirtxml.StorageVolumeSize {
	switch v.Preallocation {
	case "":
		return nil
	case "falloc":
		return inBytes(v.Capacity)
	default:
		return inBytes(0)
	}
}

// createFlags asks for qcow2's metadata, which libvirt refuses for raw volumes.
func (v Volume) createFlags() libvirt.StorageVolCreateFlags {
	if v.Format == "qcow2" && (v.Preallocation == "metadata" || v.Preallocation == "falloc") {
		return libvirt.StorageVolCreatePreallocMetadata
	}
	return 0
}

func inBytes(n uint64) *libvirtxml.StorageVolumeSize {
	return &libvirtxml.StorageVolumeSize{Value: n, Unit: "bytes"}
}

func parseVolume(pool, text string) (Volume, error) {
	var doc libvirtxml.StorageVolume
	if err := doc.Unmarshal(text); err != nil {
		return Volume{}, fmt.Errorf("volume in pool %q: %w", pool, err)
	}
	v := Volume{Pool: pool, Name: doc.Name, Capacity: size(doc.Capacity), Allocation: size(doc.Allocation)}
	if t := doc.Target; t != nil {
		v.Path = t.Path
		v.ModTime = modTime(t.Timestamps)
		v.parseFormat(t)
		if p := t.Permissions; p != nil {
			v.Owner, v.Group, v.Mode = p.Owner, p.Group, p.Mode
		}
	}
	if doc.Type == "block" || doc.Type == "network" || v.Format == "" {
		v.Format = "raw" // a partition's format is the number in its table, and other devices have no format
	}
	// libvirt also shows the origin of a snapshot in a volume group as a backing store, but QEMU sees one device.
	if b := doc.BackingStore; b != nil && b.Path != "" && v.Format != "raw" {
		v.Backing = &Backing{Path: b.Path}
		if b.Format != nil {
			v.Backing.Format = b.Format.Type
		}
	}
	v.Preallocation = v.preallocation(size(doc.Physical))
	return v, nil
}

// parseFormat reads the format. libvirt calls a raw volume with an ISO 9660 image iso, which is not a format of QEMU,
// and does not report the older version of qcow2.
func (v *Volume) parseFormat(target *libvirtxml.StorageVolumeTarget) {
	if target.Format == nil {
		return
	}
	v.Format = target.Format.Type
	switch v.Format {
	case "iso":
		v.Format = "raw"
	case "qcow2":
		v.Compat = target.Compat
		if v.Compat == "" {
			v.Compat = "0.10"
		}
		if target.ClusterSize != nil {
			v.ClusterSize = target.ClusterSize.Value
		}
	}
}

// preallocation infers from a volume's allocation, and from the length of its file, how it was created. A volume that
// a guest has written completely looks like an allocated one.
func (v *Volume) preallocation(length uint64) string {
	switch {
	case v.Backing != nil:
		return "off" // it would hide the file beneath
	case v.Capacity > 0 && v.Allocation >= v.Capacity:
		return "falloc"
	case v.Capacity > 0 && v.Format == "qcow2" && length >= v.Capacity:
		return "metadata"
	default:
		return "off"
	}
}

// size reads a size from libvirt, which always writes bytes.
func size(s *libvirtxml.StorageVolumeSize) uint64 {
	if s == nil {
		return 0
	}
	return s.Value
}

// modTime reads libvirt's "seconds.nanoseconds". It returns the zero time if there is none.
func modTime(t *libvirtxml.StorageVolumeTargetTimestamps) time.Time {
	if t == nil {
		return time.Time{}
	}
	seconds, fraction, _ := strings.Cut(t.Mtime, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}
	}
	ns, _ := strconv.ParseInt(fraction, 10, 64)
	return time.Unix(s, ns).UTC()
}
