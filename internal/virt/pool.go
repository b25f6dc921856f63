package virt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/digitalocean/go-libvirt"
	"github.com/google/uuid"
	"libvirt.org/go/libvirtxml"
)

// Pool is a directory of volumes on a host.
type Pool struct {
	Name      string
	UUID      string
	Path      string // the directory; "" if the pool is not of type dir
	Mode      string // the directory's mode when libvirt last looked, at the start or for VolumeNames: octal, or "" if unknown
	Active    bool
	Autostart bool
}

// Public reports whether everyone may list the pool's directory and open its files, by its mode. libvirt does not
// show what else may keep dnsmasq from a file: the directories above, access control lists, AppArmor and SELinux.
func (p Pool) Public() bool { return permissions(p.Mode, 0o755)&0o005 == 0o005 }

// poolMark begins the UUID of each pool that CreatePool makes: "netb". Nothing else in a pool's definition
// distinguishes it from a pool of another program.
const poolMark = "6e657462-"

// NewPoolUUID returns a random UUID with the mark: RFC 9562, 5.8, which leaves the bits of version 8 to us.
func NewPoolUUID() string {
	id := uuid.New()
	id[6] = 0x80 | id[6]&0x0f
	return poolMark + id.String()[len(poolMark):]
}

// Marked reports whether this provider made the pool, in this run or in another one.
func (p Pool) Marked() bool { return strings.HasPrefix(p.UUID, poolMark) }

// Pool looks up a pool by name.
func (h *Host) Pool(ctx context.Context, name string) (Pool, error) {
	return query(ctx, h, "read pool", func(l *libvirt.Libvirt) (Pool, error) {
		pool, err := l.StoragePoolLookupByName(name)
		if err != nil {
			return Pool{}, err
		}
		return readPool(l, pool)
	})
}

// PoolAt looks up the pool whose directory is path. It asks for every pool, because libvirt's own lookup does not see
// inactive pools.
func (h *Host) PoolAt(ctx context.Context, path string) (Pool, error) {
	return query(ctx, h, "read all pools", func(l *libvirt.Libvirt) (Pool, error) {
		pools, _, err := l.ConnectListAllStoragePools(1, libvirt.ConnectListStoragePoolsDir)
		if err != nil {
			return Pool{}, err
		}
		for _, pool := range pools {
			found, err := readPool(l, pool)
			if errors.Is(h.callError(err), ErrNotFound) {
				continue // it was removed in the meantime
			}
			if err != nil {
				return Pool{}, err
			}
			if found.Path == path {
				return found, nil
			}
		}
		return Pool{}, fmt.Errorf("no storage pool at %s: %w", path, ErrNotFound)
	})
}

func readPool(l *libvirt.Libvirt, pool libvirt.StoragePool) (Pool, error) {
	var text string
	var active, autostart int32
	err := concurrently(func() (err error) {
		text, err = l.StoragePoolGetXMLDesc(pool, 0)
		return err
	}, func() (err error) {
		active, err = l.StoragePoolIsActive(pool)
		return err
	}, func() (err error) {
		autostart, err = l.StoragePoolGetAutostart(pool)
		return err
	})
	if err != nil {
		return Pool{}, err
	}
	var doc libvirtxml.StoragePool
	if err := doc.Unmarshal(text); err != nil {
		return Pool{}, fmt.Errorf("pool %q: %w", pool.Name, err)
	}
	read := Pool{Name: doc.Name, UUID: doc.UUID, Active: active == 1, Autostart: autostart == 1}
	if doc.Type == "dir" && doc.Target != nil {
		read.Path = doc.Target.Path
		if doc.Target.Permissions != nil {
			read.Mode = doc.Target.Permissions.Mode
		}
	}
	return read, nil
}

// CreatePool defines a directory pool with a new UUID, starts it, and sets its autostart. If the name is taken, it
// returns ErrExists. It makes a missing directory with mode 0755, so that dnsmasq, which runs as nobody, can enter it
// (libvirt's default is 0711). An existing directory stays as it is.
//
// CreatePool also returns the pool with an error if the pool is or may be defined. It returns whether it made the
// directory or may have made it, because the answer can be lost.
func (h *Host) CreatePool(ctx context.Context, name, path string) (pool Pool, madeDirectory bool, err error) {
	doc := poolXML(name, path)
	text, err := doc.Marshal()
	if err != nil {
		return Pool{}, false, err
	}
	handle, err := changeReturning(ctx, h, "virStoragePoolDefineXML", func(l *libvirt.Libvirt) (libvirt.StoragePool, error) {
		return l.StoragePoolDefineXML(text, 0)
	})
	if refusedWith(err, libvirt.ErrOperationFailed) {
		err = existsIfFound(err, func() error { _, err := h.Pool(ctx, name); return err })
	}
	pool = Pool{Name: name, UUID: doc.UUID, Path: path}
	if isRefused(err) {
		return Pool{}, false, err
	}
	if err != nil {
		return pool, false, err
	}
	madeDirectory, err = h.startOrBuild(ctx, handle)
	if err != nil {
		return pool, madeDirectory, explainFile(err)
	}
	pool.Active = true
	started, err := changeReturning(ctx, h, "virStoragePoolSetAutostart", func(l *libvirt.Libvirt) (Pool, error) {
		if err := l.StoragePoolSetAutostart(handle, 1); err != nil {
			return pool, err
		}
		return readPool(l, handle)
	})
	if err != nil {
		return pool, madeDirectory, err
	}
	return started, madeDirectory, nil
}

// explainFile adds what to do if a file has the path of the directory. libvirt has no code for that: the text comes
// from errno.
func explainFile(err error) error {
	if !refusedWith(err, libvirt.ErrSystemError) || !strings.Contains(err.Error(), "Not a directory") {
		return err
	}
	return fmt.Errorf("%w. A file exists at the path of the directory: move the file away, or choose another path", err)
}

func poolXML(name, path string) *libvirtxml.StoragePool {
	return &libvirtxml.StoragePool{
		Type: "dir", Name: name, UUID: NewPoolUUID(),
		Target: &libvirtxml.StoragePoolTarget{
			Path:        path,
			Permissions: &libvirtxml.StoragePoolTargetPermissions{Mode: "0755"},
		},
	}
}

// startOrBuild starts a pool. If the directory is missing, it makes the directory first. libvirt has no call that
// checks this, but a start without a directory fails with a system error. If that error has another cause, building
// does not help.
func (h *Host) startOrBuild(ctx context.Context, pool libvirt.StoragePool) (built bool, err error) {
	start := func(l *libvirt.Libvirt) error { return l.StoragePoolCreate(pool, 0) }
	err = change(ctx, h, "virStoragePoolCreate", start)
	if !refusedWith(err, libvirt.ErrSystemError) {
		return false, err
	}
	if err := change(ctx, h, "virStoragePoolBuild", func(l *libvirt.Libvirt) error { return l.StoragePoolBuild(pool, 0) }); err != nil {
		return !isRefused(err), err
	}
	return true, change(ctx, h, "virStoragePoolCreate", start)
}

// StartPool starts a pool that is not active and sets its autostart. It makes a missing directory again.
func (h *Host) StartPool(ctx context.Context, name string) error {
	pool, err := query(ctx, h, "virStoragePoolLookupByName", func(l *libvirt.Libvirt) (libvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(name)
	})
	if err != nil {
		return err
	}
	active, err := query(ctx, h, "virStoragePoolIsActive", func(l *libvirt.Libvirt) (int32, error) { return l.StoragePoolIsActive(pool) })
	if err != nil {
		return err
	}
	if active == 0 {
		if _, err := h.startOrBuild(ctx, pool); err != nil {
			return err
		}
	}
	return change(ctx, h, "virStoragePoolSetAutostart", func(l *libvirt.Libvirt) error { return l.StoragePoolSetAutostart(pool, 1) })
}

// DeletePool removes the pool, and also its directory if removeDirectory is set and the directory is empty. It never
// removes files.
func (h *Host) DeletePool(ctx context.Context, name string, removeDirectory bool) error {
	pool, err := query(ctx, h, "virStoragePoolLookupByName", func(l *libvirt.Libvirt) (libvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(name)
	})
	if err != nil {
		return err
	}
	err = change(ctx, h, "virStoragePoolDestroy", func(l *libvirt.Libvirt) error { return l.StoragePoolDestroy(pool) })
	if err != nil && !refusedWith(err, libvirt.ErrOperationInvalid) { // not active
		return err
	}
	if removeDirectory {
		// rmdir(2) refuses a directory that is not empty. The directory then stays, as it should.
		err := change(ctx, h, "virStoragePoolDelete", func(l *libvirt.Libvirt) error { return l.StoragePoolDelete(pool, 0) })
		if err != nil && !refusedWith(err, libvirt.ErrSystemError) {
			return err
		}
	}
	return change(ctx, h, "virStoragePoolUndefine", func(l *libvirt.Libvirt) error {
		// libvirtd undefines a pool before it removes the pool's autostart link. If libvirtd dies between the two
		// steps, the link stays, and autostart can never be set again for a pool with this name.
		if err := l.StoragePoolSetAutostart(pool, 0); err != nil {
			return err
		}
		return l.StoragePoolUndefine(pool)
	})
}

// refreshPool makes libvirt read the directory again. libvirt's list does not show changes that were made without
// libvirt. A refresh changes nothing on the host.
func (h *Host) refreshPool(ctx context.Context, name string) error {
	pool, err := query(ctx, h, "virStoragePoolLookupByName", func(l *libvirt.Libvirt) (libvirt.StoragePool, error) {
		return l.StoragePoolLookupByName(name)
	})
	if err != nil {
		return err
	}
	_, err = query(ctx, h, "virStoragePoolRefresh", func(l *libvirt.Libvirt) (struct{}, error) {
		return struct{}{}, l.StoragePoolRefresh(pool, 0)
	})
	return err
}

// withTransientPool makes a pool for a directory while use runs. Neither its creation nor its removal changes the
// directory.
func (h *Host) withTransientPool(ctx context.Context, dir string, use func(pool string) error) error {
	name := "netboot-look-" + uuid.NewString()
	doc := libvirtxml.StoragePool{Type: "dir", Name: name, Target: &libvirtxml.StoragePoolTarget{Path: aliasPath(dir)}}
	text, err := doc.Marshal()
	if err != nil {
		return err
	}
	err = change(ctx, h, "virStoragePoolCreateXML", func(l *libvirt.Libvirt) error {
		_, err := l.StoragePoolCreateXML(text, 0)
		return err
	})
	if isRefused(err) {
		return err
	}
	if err == nil {
		err = use(name)
	}
	// If the answer was lost, the pool may exist even so.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transientPoolTimeout)
	defer cancel()
	if left := h.stopPool(ctx, name); left != nil {
		return fmt.Errorf("unable to remove the temporary storage pool %q: %w", name, left)
	}
	return err
}

// transientPoolTimeout limits how long the removal of a transient pool may take.
const transientPoolTimeout = 5 * time.Second

// stopPool stops a pool. Nothing is left of a transient pool. If the connection was lost in the previous call, it
// connects again.
func (h *Host) stopPool(ctx context.Context, name string) error {
	for {
		err := change(ctx, h, "virStoragePoolDestroy", func(l *libvirt.Libvirt) error {
			pool, err := l.StoragePoolLookupByName(name)
			if err != nil {
				return err
			}
			return l.StoragePoolDestroy(pool)
		})
		switch {
		case errors.Is(err, ErrNotFound):
			return nil
		case !isLost(err):
			return err
		}
		select {
		case <-time.After(busyPause):
		case <-ctx.Done():
			return err
		}
	}
}

// aliasPath returns the same directory with another path. libvirt allows one pool per directory, and counts inactive
// pools as well, but it compares paths as text: virStoragePoolObjSourceMatchTypeDIR in src/conf/virstorageobj.c.
// Another client may use the same method on the directory at the same time.
func aliasPath(dir string) string { return dir + strings.Repeat("/.", 1+rand.IntN(1000)) }
