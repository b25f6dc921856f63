package virttest

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// Volume reads a volume.
func (h *Host) Volume(ctx context.Context, pool, name string) (virt.Volume, error) {
	return call(ctx, h, "Volume", func() (virt.Volume, error) {
		f, where, err := h.lookupVolume(pool, name)
		if err != nil {
			return virt.Volume{}, err
		}
		return f.volume(pool, where), nil
	})
}

// volume returns a file as libvirt reports it.
func (f *file) volume(pool, where string) virt.Volume {
	v := virt.Volume{
		Pool: pool, Name: f.name, Path: where, Owner: f.owner, Group: f.group, Mode: fmt.Sprintf("%04o", f.mode.Perm()), ModTime: f.modTime,
		Format: "raw", Capacity: uint64(f.size), Allocation: f.allocated(), Preallocation: "off",
	}
	if f.mode.IsDir() {
		v.Format = virt.DirectoryFormat
	}
	if i, isImage := readImage(f); isImage {
		v.Format, v.Compat, v.ClusterSize = "qcow2", i.compat(), 1<<i.clusterBits
		v.Capacity, v.Backing = i.capacity, i.backing
	}
	switch {
	case v.Capacity > 0 && v.Allocation >= v.Capacity:
		v.Preallocation = "falloc"
	case v.Capacity > 0 && v.Format == "qcow2" && uint64(f.size) >= v.Capacity:
		v.Preallocation = "metadata"
	}
	return v
}

// VolumeAt returns the pool and the name of the volume whose file has this path.
func (h *Host) VolumeAt(ctx context.Context, where string) (pool, name string, err error) {
	name = path.Base(where)
	pool, err = call(ctx, h, "VolumeAt", func() (string, error) {
		for _, p := range h.pools {
			if p.Path == path.Dir(where) && p.listed[name] {
				return p.Name, nil
			}
		}
		return "", notFound("storage volume at", where)
	})
	if err != nil {
		name = ""
	}
	return pool, name, err
}

// VolumeNames lists the volumes of a pool, after libvirt has read its directory again.
func (h *Host) VolumeNames(ctx context.Context, pool string) ([]string, error) {
	return call(ctx, h, "VolumeNames", func() ([]string, error) {
		p, err := h.activePool(pool)
		if err != nil {
			return nil, err
		}
		h.refresh(p)
		return slices.Sorted(maps.Keys(p.listed)), nil
	})
}

// CreateVolume makes a volume.
func (h *Host) CreateVolume(ctx context.Context, v virt.Volume) error {
	return do(ctx, h, "CreateVolume", func() error {
		_, err := h.newVolume(v)
		return err
	})
}

// CloneVolume makes a volume from another one.
func (h *Host) CloneVolume(ctx context.Context, v virt.Volume, from string) error {
	return do(ctx, h, "CloneVolume", func() error {
		source, _, err := h.lookupVolume(v.Pool, from)
		if err != nil {
			return err
		}
		i, isImage := readImage(source)
		v.Capacity = max(i.capacity, uint64(source.size))
		if isImage {
			v.Capacity = i.capacity
		}
		clone, err := h.newVolume(v)
		if err != nil {
			return err
		}
		if isImage == (v.Format == "qcow2") {
			clone.copyOf(source)
		}
		return nil
	})
}

func (h *Host) newVolume(v virt.Volume) (*file, error) {
	p, err := h.activePool(v.Pool)
	if err != nil {
		return nil, err
	}
	if where := path.Join(p.Path, v.Name); h.files[where] != nil {
		h.refresh(p)
		return nil, exists("storage volume", v.Name)
	}
	mode := uint64(0o600) // libvirt's default
	if v.Mode != "" {
		if mode, err = strconv.ParseUint(v.Mode, 8, 9); err != nil {
			return nil, fmt.Errorf("mode of volume %q: %w", v.Name, err)
		}
	}
	f := h.newFile(path.Join(p.Path, v.Name), fs.FileMode(mode))
	p.listed[v.Name] = true
	f.owner, f.group = cmp.Or(v.Owner, "0"), cmp.Or(v.Group, "0")
	if v.Format != "qcow2" {
		f.size = int64(v.Capacity)
	} else {
		f.write(0, newImage(v).header())
		f.size = imageFileSize
	}
	if v.Format == "qcow2" && (v.Preallocation == "metadata" || v.Preallocation == "falloc") {
		f.size = max(f.size, int64(v.Capacity))
	}
	if v.Preallocation == "falloc" || v.Preallocation == "" && v.Format != "qcow2" {
		f.reserved = v.Capacity
	}
	return f, nil
}

// ResizeVolume sets the size that a guest sees, in bytes.
func (h *Host) ResizeVolume(ctx context.Context, pool, name string, capacity uint64, shrink bool) error {
	return do(ctx, h, "ResizeVolume", func() error {
		f, _, err := h.lookupVolume(pool, name)
		if err != nil {
			return err
		}
		i, isImage := readImage(f)
		switch {
		case shrink && (isImage || capacity == 0):
			return errors.New("only a raw volume can be shrunk, and not to 0 bytes")
		case !shrink && capacity < max(i.capacity, uint64(f.size)):
			return errors.New("can't shrink capacity below current capacity unless shrink flag explicitly specified")
		case isImage:
			f.write(imageSize, binary.BigEndian.AppendUint64(nil, capacity))
		default:
			f.truncate(int64(capacity))
		}
		return nil
	})
}

// DeleteVolume removes a volume and its file.
func (h *Host) DeleteVolume(ctx context.Context, pool, name string) error {
	return do(ctx, h, "DeleteVolume", func() error {
		p, err := h.activePool(pool)
		if err != nil {
			return err
		}
		if !p.listed[name] {
			return notFound("storage volume", name)
		}
		delete(p.listed, name)
		delete(h.files, path.Join(p.Path, name))
		return nil
	})
}

// Upload overwrites a volume with content from the beginning.
func (h *Host) Upload(ctx context.Context, pool, name string, content io.Reader) error {
	return h.upload(ctx, "Upload", pool, name, content)
}

// Fill writes content into an empty volume.
func (h *Host) Fill(ctx context.Context, pool, name string, content io.Reader) error {
	return h.upload(ctx, "Fill", pool, name, content)
}

func (h *Host) upload(ctx context.Context, method, pool, name string, content io.Reader) error {
	h.mu.Lock()
	fault := h.enter(ctx, method)
	f, _, err := h.lookupVolume(pool, name)
	h.mu.Unlock()
	if err != nil {
		return err
	}
	chunk := make([]byte, 32<<10)
	for offset := int64(0); ; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if holes, ok := content.(virt.Holes); ok {
			skipped, err := holes.SkipHole()
			if err != nil {
				return err
			}
			offset += skipped
		}
		n, err := content.Read(chunk)
		h.mu.Lock()
		f.write(offset, chunk[:n])
		h.mu.Unlock()
		offset += int64(n)
		switch {
		case fault != nil:
			return fault
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}

// Download writes a volume's bytes to a writer, as they were when the download began.
func (h *Host) Download(ctx context.Context, pool, name string, to io.Writer) error {
	h.mu.Lock()
	fault := h.enter(ctx, "Download")
	f, _, err := h.lookupVolume(pool, name)
	var content file
	if err == nil {
		content.copyOf(f)
	}
	h.mu.Unlock()
	if err != nil {
		return err
	}
	for offset := int64(0); offset < content.size; offset += 32 << 10 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if _, err := to.Write(content.bytes(offset, offset+32<<10)); err != nil {
			return err
		}
		if fault != nil {
			return fault
		}
	}
	return fault
}

func (h *Host) lookupVolume(pool, name string) (f *file, where string, err error) {
	p, err := h.activePool(pool)
	if err != nil {
		return nil, "", err
	}
	where = path.Join(p.Path, name)
	if f = h.files[where]; f == nil || !p.listed[name] {
		return nil, "", notFound("storage volume", name)
	}
	return f, where, nil
}
