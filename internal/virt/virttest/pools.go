package virttest

import (
	"context"
	"errors"
	"fmt"
	"path"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// pool is a pool and libvirt's list of its volumes, which may differ from the content of the disk.
type pool struct {
	virt.Pool
	listed map[string]bool
}

// Pool looks up a pool by name.
func (h *Host) Pool(ctx context.Context, name string) (virt.Pool, error) {
	return call(ctx, h, "Pool", func() (virt.Pool, error) {
		p, err := h.lookupPool(name)
		if err != nil {
			return virt.Pool{}, err
		}
		return p.Pool, nil
	})
}

// PoolAt looks up the pool whose directory is path.
func (h *Host) PoolAt(ctx context.Context, path string) (virt.Pool, error) {
	return call(ctx, h, "PoolAt", func() (virt.Pool, error) {
		for _, p := range h.pools {
			if p.Path == path {
				return p.Pool, nil
			}
		}
		return virt.Pool{}, notFound("storage pool at", path)
	})
}

// CreatePool makes a pool, and its directory if that does not exist.
func (h *Host) CreatePool(ctx context.Context, name, path string) (virt.Pool, bool, error) {
	made := false
	created, err := call(ctx, h, "CreatePool", func() (virt.Pool, error) {
		if h.pools[name] != nil {
			return virt.Pool{}, exists("storage pool", name)
		}
		for _, p := range h.pools {
			if p.Path == path {
				return virt.Pool{}, fmt.Errorf("storage source conflict with pool %q", p.Name)
			}
		}
		made = !h.isDir(path)
		h.mkdirAll(path)
		p := &pool{Pool: virt.Pool{Name: name, UUID: virt.NewPoolUUID(), Path: path, Active: true, Autostart: true}}
		h.pools[name] = p
		h.refresh(p)
		return p.Pool, nil
	})
	return created, made, err
}

// StartPool makes a pool active, and makes its directory if that does not exist.
func (h *Host) StartPool(ctx context.Context, name string) error {
	return do(ctx, h, "StartPool", func() error {
		p, err := h.lookupPool(name)
		if err != nil {
			return err
		}
		h.mkdirAll(p.Path)
		p.Active, p.Autostart = true, true
		h.refresh(p)
		return nil
	})
}

// StopPool makes a pool inactive, as an administrator may do.
func (h *Host) StopPool(ctx context.Context, name string) error {
	return do(ctx, h, "StopPool", func() error {
		p, err := h.lookupPool(name)
		if err != nil {
			return err
		}
		p.Active, p.listed = false, nil
		return nil
	})
}

// DeletePool removes a pool and, on request, its directory if that is empty.
func (h *Host) DeletePool(ctx context.Context, name string, removeDirectory bool) error {
	return do(ctx, h, "DeletePool", func() error {
		p, err := h.lookupPool(name)
		if err != nil {
			return err
		}
		if removeDirectory && h.isEmpty(p.Path) {
			delete(h.files, p.Path)
		}
		delete(h.pools, name)
		return nil
	})
}

func (h *Host) lookupPool(name string) (*pool, error) {
	p, found := h.pools[name]
	if !found {
		return nil, notFound("storage pool", name)
	}
	return p, nil
}

// activePool returns the pool for an operation that libvirt refuses for an inactive pool.
func (h *Host) activePool(name string) (*pool, error) {
	p, err := h.lookupPool(name)
	if err == nil && !p.Active {
		return nil, errors.New("storage pool " + name + " is not active")
	}
	return p, err
}

// refresh updates libvirt's list of a directory from the disk.
func (h *Host) refresh(p *pool) {
	p.listed = map[string]bool{}
	if directory := h.files[p.Path]; directory != nil {
		p.Mode = fmt.Sprintf("%04o", directory.mode.Perm())
	}
	for name, f := range h.files {
		if path.Dir(name) == p.Path && !f.mode.IsDir() {
			p.listed[path.Base(name)] = true
		}
	}
}
