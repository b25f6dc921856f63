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
	Path      string // the directory; "" when the pool is not of type dir
	Mode      string // the directory's when libvirt last looked, at the start or for VolumeNames: octal, or "" for unknown
	Active    bool
	Autostart bool
}

// Public tells whether everybody may list the pool's directory and open what is in it, by its mode.
// Of what else stands between dnsmasq and a file libvirt tells nothing: the directories above, access
// control lists, AppArmor and SELinux.
func (p Pool) Public() bool { return permissions(p.Mode, 0o755)&0o005 == 0o005 }

// poolMark begins the UUID of each pool that CreatePool makes: "netb". Nothing else in a pool's
// definition can be told from what somebody else wrote.
const poolMark = "6e657462-"

// NewPoolUUID is random but for the mark: RFC 9562, 5.8, which leaves the bits of version 8 to us.
func NewPoolUUID() string {
	id := uuid.New()
	id[6] = 0x80 | id[6]&0x0f
	return poolMark + id.String()[len(poolMark):]
}

// Marked tells whether this provider made the pool, here or in another run.
func (p Pool) Marked() bool { return strings.HasPrefix(p.UUID, poolMark) }

// Pool looks a pool up by name.
func (h *Host) Pool(ctx context.Context, name string) (Pool, error) {
	return query(ctx, h, "read pool", func(l *libvirt.Libvirt) (Pool, error) {
		pool, err := l.StoragePoolLookupByName(name)
		if err != nil {
			return Pool{}, err
		}
		return readPool(l, pool)
	})
}

// PoolAt looks up the pool whose directory is path. It asks for every pool, for libvirt's own lookup
// does not see those that are inactive.
func (h *Host) PoolAt(ctx context.Context, path string) (Pool, error) {
	return query(ctx, h, "read all pools", func(l *libvirt.Libvirt) (Pool, error) {
		pools, _, err := l.ConnectListAllStoragePools(1, libvirt.ConnectListStoragePoolsDir)
		if err != nil {
			return Pool{}, err
		}
		for _, pool := range pools {
			found, err := readPool(l, pool)
			if errors.Is(h.callError(err), ErrNotFound) {
				continue // it went meanwhile
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

// CreatePool defines a directory pool under a new UUID, starts it now and at every boot of the
// host; when the name is taken, it returns ErrExists. A directory that is missing is made, with mode
// 0755 so that dnsmasq, which runs as nobody, can enter it (libvirt's own default is 0711); one that is
// there is left as it is.
//
// It returns the pool also with an error, once the pool is or may be defined, and whether it made the
// directory, or may have: the answer can be lost.
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

// explainFile says what to do where a file is in the way of a directory. libvirt has no code for that: the text is errno's.
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

// startOrBuild starts a pool, and makes its directory first when that is what is missing: libvirt
// has no call that looks, but a start without a directory fails as a system error, which a build
// would not mend if the reason were another.
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

// StartPool starts a pool that is not active and marks it for the host's every boot. A directory
// that is missing is made again.
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

// DeletePool takes the pool away, and its directory too when removeDirectory says so and it is
// empty. Files are never removed.
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
		// rmdir(2) refuses a directory that holds something; then it stays, as it should.
		err := change(ctx, h, "virStoragePoolDelete", func(l *libvirt.Libvirt) error { return l.StoragePoolDelete(pool, 0) })
		if err != nil && !refusedWith(err, libvirt.ErrSystemError) {
			return err
		}
	}
	return change(ctx, h, "virStoragePoolUndefine", func(l *libvirt.Libvirt) error {
		// libvirtd undefines a pool before it removes the link of its autostart. One that dies in between leaves
		// the link, and no pool of this name can be marked for autostart ever after.
		if err := l.StoragePoolSetAutostart(pool, 0); err != nil {
			return err
		}
		return l.StoragePoolUndefine(pool)
	})
}

// refreshPool makes libvirt look at the directory again: what came or went behind its back is not
// in its list. That changes nothing on the host.
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

// withTransientPool makes a pool of a directory for as long as use takes. Neither making it nor taking
// it away changes the directory.
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
	// Where the answer was lost, the pool may be there all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), transientPoolTimeout)
	defer cancel()
	if left := h.stopPool(ctx, name); left != nil {
		return fmt.Errorf("unable to remove the temporary storage pool %q: %w", name, left)
	}
	return err
}

// transientPoolTimeout bounds how long taking a transient pool away may take.
const transientPoolTimeout = 5 * time.Second

// stopPool stops a pool, after which nothing is left of a transient one. A connection that was lost with
// what came before is made again.
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

// aliasPath is the same directory under another name. libvirt allows one pool a directory, one that is
// not active included, but compares names: virStoragePoolObjSourceMatchTypeDIR in
// src/conf/virstorageobj.c. Somebody else may look at the directory in this way too, at the same time.
func aliasPath(dir string) string { return dir + strings.Repeat("/.", 1+rand.IntN(1000)) }
