package virt

import (
	"context"
	"sync"

	"github.com/digitalocean/go-libvirt"
	"golang.org/x/sync/errgroup"
)

// Volume reads a volume. It also returns ErrNotFound if the volume's file or the pool does not exist.
func (h *Host) Volume(ctx context.Context, pool, name string) (Volume, error) {
	one := func() (Volume, error) {
		return query(ctx, h, "virStorageVolGetXMLDesc", func(l *libvirt.Libvirt) (Volume, error) {
			return readVolume(l, libvirt.StorageVol{Pool: pool, Name: name})
		})
	}
	all := func() map[string]Volume {
		found, _ := query(ctx, h, "read all volumes", func(l *libvirt.Libvirt) (map[string]Volume, error) { return readVolumes(l, pool) })
		return found
	}
	return h.volumes.of(h, pool).look(ctx, name, one, all)
}

// volumesAhead is what was read ahead, for each pool.
type volumesAhead struct {
	mu     sync.Mutex
	byPool map[string]*readAhead[Volume]
}

func (v *volumesAhead) of(h *Host, pool string) *readAhead[Volume] {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.byPool == nil {
		v.byPool = map[string]*readAhead[Volume]{}
	}
	if v.byPool[pool] == nil {
		v.byPool[pool] = newReadAhead[Volume](h, false)
	}
	return v.byPool[pool]
}

func readVolume(l *libvirt.Libvirt, volume libvirt.StorageVol) (Volume, error) {
	text, err := l.StorageVolGetXMLDesc(volume, 0)
	if err != nil {
		return Volume{}, err
	}
	return parseVolume(volume.Pool, text)
}

func readVolumes(l *libvirt.Libvirt, pool string) (map[string]Volume, error) {
	handle, err := l.StoragePoolLookupByName(pool)
	if err != nil {
		return nil, err
	}
	listed, _, err := l.StoragePoolListAllVolumes(handle, 1, 0)
	if err != nil || len(listed) > maxAhead {
		return nil, err
	}
	byName := map[string]libvirt.StorageVol{}
	for _, volume := range listed {
		byName[volume.Name] = volume
	}
	return readAll(byName, func(volume libvirt.StorageVol) (Volume, error) { return readVolume(l, volume) }), nil
}

// VolumeAt returns the pool and the name of the volume whose file has this path.
func (h *Host) VolumeAt(ctx context.Context, path string) (pool, name string, err error) {
	one := func() (libvirt.StorageVol, error) {
		return query(ctx, h, "virStorageVolLookupByPath", func(l *libvirt.Libvirt) (libvirt.StorageVol, error) { return l.StorageVolLookupByPath(path) })
	}
	all := func() map[string]libvirt.StorageVol {
		found, _ := query(ctx, h, "list all volumes", volumesByKey)
		return found
	}
	volume, err := h.paths.look(ctx, path, one, all)
	return volume.Pool, volume.Name, err
}

// volumesByKey lists the volumes of all active pools. In a pool of files, a volume's key is its path: libvirt
// src/storage/storage_util.c, virStorageBackendRefreshLocal.
func volumesByKey(l *libvirt.Libvirt) (map[string]libvirt.StorageVol, error) {
	pools, _, err := l.ConnectListAllStoragePools(1, libvirt.ConnectListStoragePoolsActive)
	if err != nil {
		return nil, err
	}
	listed := make([][]libvirt.StorageVol, len(pools))
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for i, pool := range pools {
		group.Go(func() (err error) {
			listed[i], _, err = l.StoragePoolListAllVolumes(pool, 1, 0)
			return unlessPoolEnded(err)
		})
	}
	err = group.Wait()
	byKey := map[string]libvirt.StorageVol{}
	for _, volumes := range listed {
		for _, volume := range volumes {
			byKey[volume.Key] = volume
		}
	}
	return byKey, err
}

// unlessPoolEnded leaves out the error of a pool that was stopped or removed after it was listed.
func unlessPoolEnded(err error) error {
	if isCode(err, libvirt.ErrOperationInvalid) || isCode(err, libvirt.ErrNoStoragePool) {
		return nil
	}
	return err
}
