package virt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
)

// Volume is a file in a pool. libvirt decides about the fields that a new volume leaves empty.
type Volume struct {
	Pool          string
	Name          string
	Path          string
	Format        string // qcow2, raw
	Compat        string // of qcow2: 0.10, 1.1
	ClusterSize   uint64 // of qcow2, in bytes
	Preallocation string // off, metadata or falloc; libvirt's default is off for qcow2 and falloc for raw
	Owner         string // a number, as it is now: libvirt gives a file to QEMU's user while a guest runs
	Group         string // likewise
	Mode          string // octal, such as 0644, as it is now; libvirt's default is 0600
	Capacity      uint64 // bytes that a guest sees
	Allocation    uint64 // bytes that it takes on the host
	Backing       *Backing
	ModTime       time.Time
}

// DirectoryFormat is the format of a directory in a pool, which libvirt lists as a volume.
const DirectoryFormat = "dir"

// Backing is the file beneath a qcow2 overlay.
type Backing struct {
	Path   string
	Format string
}

// CreateVolume creates a volume. It returns ErrExists if the volume exists.
func (h *Host) CreateVolume(ctx context.Context, v Volume) error {
	return h.newVolume(ctx, v, "virStorageVolCreateXML", func(l *libvirt.Libvirt, pool libvirt.StoragePool, text string) error {
		_, err := l.StorageVolCreateXML(pool, text, v.createFlags())
		return err
	})
}

// CloneVolume creates a volume from another one in the same pool, on the host, with the capacity of that volume,
// whatever v says. If the file system can share blocks, as XFS and Btrfs can, a raw copy shares the blocks of a raw
// source, which takes no time.
func (h *Host) CloneVolume(ctx context.Context, v Volume, from string) error {
	source := libvirt.StorageVol{Pool: v.Pool, Name: from}
	return h.newVolume(ctx, v, "virStorageVolCreateXMLFrom", func(l *libvirt.Libvirt, pool libvirt.StoragePool, text string) error {
		if v.Format == "raw" && v.Preallocation != "falloc" {
			_, err := l.StorageVolCreateXMLFrom(pool, text, source, libvirt.StorageVolCreateReflink)
			// The file system cannot share blocks, or the source is not raw.
			if !isCode(err, libvirt.ErrSystemError) && !isCode(err, libvirt.ErrInvalidArg) {
				return err
			}
		}
		_, err := l.StorageVolCreateXMLFrom(pool, text, source, v.createFlags())
		return err
	})
}

type volumeMaker func(l *libvirt.Libvirt, pool libvirt.StoragePool, text string) error

// newVolume creates a volume, and finds out whether a refusal means that the name is taken: libvirt has a code of its
// own for this only if the file is in its list.
func (h *Host) newVolume(ctx context.Context, v Volume, operation string, create volumeMaker) error {
	text, err := volumeXML(v).Marshal()
	if err != nil {
		return err
	}
	attempt := func() error {
		return change(ctx, h, operation, func(l *libvirt.Libvirt) error {
			pool, err := l.StoragePoolLookupByName(v.Pool)
			if err != nil {
				return err
			}
			return create(l, pool, text)
		})
	}
	err = attempt()
	if errors.Is(err, ErrExists) {
		// It is in libvirt's list, but its file may no longer exist.
		if err := h.refreshPool(ctx, v.Pool); err != nil {
			return err
		}
		err = attempt()
	}
	if !refusedWith(err, libvirt.ErrOperationInvalid) && !refusedWith(err, libvirt.ErrInternalError) {
		return err
	}
	return existsIfFound(err, func() error {
		if err := h.refreshPool(ctx, v.Pool); err != nil {
			return err
		}
		_, err := h.Volume(ctx, v.Pool, v.Name)
		return err
	})
}

// ResizeVolume sets the size that a guest sees, in bytes. A volume becomes smaller only if shrink is set. Then the
// data after the new end is lost, the volume must be raw, and the new size must be at least one byte.
func (h *Host) ResizeVolume(ctx context.Context, pool, name string, capacity uint64, shrink bool) error {
	if shrink {
		return h.truncate(ctx, pool, name, capacity)
	}
	v, err := h.Volume(ctx, pool, name)
	if err != nil {
		return err
	}
	if capacity < v.Capacity { // libvirt refuses this as well, but QEMU does not
		return fmt.Errorf("the new size of %d bytes is less than the current size of %d bytes", capacity, v.Capacity)
	}
	err = change(ctx, h, "resize volume", func(l *libvirt.Libvirt) error {
		guest, disk, err := h.diskAt(l, Disk{Path: v.Path, Volume: v.Pool + "/" + v.Name})
		switch {
		case err != nil:
			return err
		case disk != "":
			return l.DomainBlockResize(guest, disk, capacity, libvirt.DomainBlockResizeBytes)
		default:
			return l.StorageVolResize(libvirt.StorageVol{Pool: pool, Name: name}, capacity, 0)
		}
	})
	if isRefused(err) && strings.Contains(err.Error(), resizeWithSnapshots) {
		return fmt.Errorf("%w; delete its internal snapshots first (virsh snapshot-delete), or convert the image to compat 1.1, which can be resized with snapshots (qemu-img amend -o compat=1.1, while no guest uses it)", err)
	}
	return err
}

// resizeWithSnapshots is QEMU 7.2's message for a qcow2 image with compat 0.10: block/qcow2.c, qcow2_co_truncate.
// libvirt has no code for it.
const resizeWithSnapshots = "Can't resize a v2 image which has snapshots"

// CheckResize returns the names of the domains that use a volume as a disk. It returns an error if the volume lies
// beneath a guest's disk because of a snapshot, or beneath the disk of a running guest: the guest would not see the
// growth, and QEMU locks the file.
func (h *Host) CheckResize(ctx context.Context, pool, name string) (guests []string, err error) {
	v, err := h.Volume(ctx, pool, name)
	if err != nil {
		return nil, err
	}
	if err := h.refreshPool(ctx, pool); err != nil { // it does not list the file of a new snapshot yet
		return nil, err
	}
	volumes, err := query(ctx, h, "read all volumes", func(l *libvirt.Libvirt) (map[string]Volume, error) { return readVolumes(l, pool) })
	if err != nil {
		return nil, err
	}
	domains, err := query(ctx, h, "read all domains", readDomains)
	if err != nil {
		return nil, err
	}
	around := neighbours{of: v, over: overlaysOf(v.Path, volumes), known: map[string]bool{}}
	for _, other := range volumes {
		around.known[other.Path] = true
	}
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		has, err := h.checkResizeOf(ctx, around, domains[domain])
		if err != nil {
			return nil, err
		}
		if has {
			guests = append(guests, domain)
		}
	}
	return guests, nil
}

// neighbours are the volumes in a volume's pool, by path.
type neighbours struct {
	of    Volume
	over  map[string]bool // volumes on top of it
	known map[string]bool // all volumes
}

// checkResizeOf reports whether a guest uses a volume, and returns an error if the guest prevents it from growing.
func (h *Host) checkResizeOf(ctx context.Context, around neighbours, guest Domain) (has bool, err error) {
	base := Disk{Path: around.of.Path, Volume: around.of.Pool + "/" + around.of.Name}
	for _, disk := range guest.Disks {
		isElsewhere := disk.Chain == nil && disk.Format != "raw" && !around.known[disk.Path]
		switch {
		case disk.Is(base):
			has = true
		case disk.isOver(base) || around.over[disk.Path] || isElsewhere:
			layers, err := h.Beneath(ctx, guest.Name, disk)
			if err == nil {
				err = checkBeneath(around.of, guest, disk, layers)
			}
			if err != nil {
				return false, err
			}
		}
	}
	return has, nil
}

// overlaysOf returns the paths of the volumes on top of a file, directly or through other volumes.
func overlaysOf(path string, volumes map[string]Volume) map[string]bool {
	over := map[string]bool{}
	for before := -1; before < len(over); {
		before = len(over)
		for _, v := range volumes {
			if v.Backing != nil && (v.Backing.Path == path || over[v.Backing.Path]) {
				over[v.Path] = true
			}
		}
	}
	return over
}

// checkBeneath returns an error if a volume is one of the layers beneath a guest's disk, and must stay as it is.
func checkBeneath(v Volume, guest Domain, disk Disk, layers []Layer) error {
	at := slices.IndexFunc(layers, func(l Layer) bool { return l.Where == v.Path })
	if at < 0 {
		return nil
	}
	switch snapshot := layers[at].Snapshot; {
	case snapshot != "":
		return fmt.Errorf("it lies beneath the disk %s of domain %q. That disk is %s since snapshot %q, so the guest would not see the change. Commit the overlay first, while the guest runs: %s",
			disk.Target, guest.Name, disk.Where(), snapshot, CommitCommand(guest.Name, disk, v.Path))
	case guest.State != Off:
		return fmt.Errorf("it lies beneath the disk %s of the running domain %q. That disk is %s, so the guest would not see the change, and QEMU locks the file. Change the volume that the guest uses, or stop the guest",
			disk.Target, guest.Name, disk.Where())
	default:
		return nil
	}
}

// CommitCommand returns the command that writes the content of a guest's overlay into the file beneath, which then
// becomes the guest's disk again. Without the base, virsh would write into the lowest file of the chain, which other
// guests may also use.
func CommitCommand(domain string, disk Disk, base string) string {
	return fmt.Sprintf("virsh blockcommit %s %s --base %s --active --pivot", domain, disk.Target, base)
}

// diskAt finds the running guest that uses a disk, and the disk's name, or "" if no guest uses it. QEMU locks such a
// file, and has to grow it itself.
func (h *Host) diskAt(l *libvirt.Libvirt, wanted Disk) (guest libvirt.Domain, disk string, err error) {
	running, _, err := l.ConnectListAllDomains(1, libvirt.ConnectListDomainsActive)
	if err != nil {
		return libvirt.Domain{}, "", err
	}
	for _, guest := range running {
		text, err := l.DomainGetXMLDesc(guest, 0)
		if errors.Is(h.callError(err), ErrNotFound) {
			continue // it has ended in the meantime
		}
		if err != nil {
			return libvirt.Domain{}, "", err
		}
		root, err := parseXML(text)
		if err != nil {
			return libvirt.Domain{}, "", err
		}
		for _, disk := range diskElements(root.SelectElement("devices").NotNil()) {
			if wanted.Is(parseDisk(disk)) {
				return guest, attr(disk.SelectElement("target"), "dev"), nil
			}
		}
	}
	return libvirt.Domain{}, "", nil
}

// DeleteVolume removes a volume and its file.
func (h *Host) DeleteVolume(ctx context.Context, pool, name string) error {
	return change(ctx, h, "virStorageVolDelete", func(l *libvirt.Libvirt) error {
		return l.StorageVolDelete(libvirt.StorageVol{Pool: pool, Name: name}, 0)
	})
}

// VolumeNames lists the volumes of a pool, after libvirt has read its directory again.
func (h *Host) VolumeNames(ctx context.Context, pool string) ([]string, error) {
	if err := h.refreshPool(ctx, pool); err != nil {
		return nil, err
	}
	return query(ctx, h, "virStoragePoolListAllVolumes", func(l *libvirt.Libvirt) ([]string, error) {
		handle, err := l.StoragePoolLookupByName(pool)
		if err != nil {
			return nil, err
		}
		volumes, _, err := l.StoragePoolListAllVolumes(handle, 1, 0)
		names := make([]string, len(volumes))
		for i, v := range volumes {
			names[i] = v.Name
		}
		return names, err
	})
}
