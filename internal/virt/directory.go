package virt

import (
	"context"
	"io"
	"io/fs"
	"strconv"
	"time"
)

// Directory shows a directory pool as files: the content of a TFTP root.
type Directory struct {
	host DirectoryHost
	pool string
}

// DirectoryHost is what a Directory needs of a host. It also allows directories on an in-memory host.
type DirectoryHost interface {
	Volume(ctx context.Context, pool, name string) (Volume, error)
	CreateVolume(ctx context.Context, v Volume) error
	CloneVolume(ctx context.Context, v Volume, from string) error
	ResizeVolume(ctx context.Context, pool, name string, capacity uint64, shrink bool) error
	DeleteVolume(ctx context.Context, pool, name string) error
	Upload(ctx context.Context, pool, name string, content io.Reader) error
	Download(ctx context.Context, pool, name string, to io.Writer) error
}

// NewDirectory shows the named pool of a host as files. It does not contact the host.
func NewDirectory(host DirectoryHost, pool string) *Directory { return &Directory{host, pool} }

// publicMode lets dnsmasq read a file, whichever user dnsmasq runs as.
const publicMode = "0644"

// Stat returns a file's current size, permissions and modification time, or fs.ErrNotExist.
func (d *Directory) Stat(ctx context.Context, name string) (fs.FileInfo, error) {
	v, err := d.host.Volume(ctx, d.pool, name)
	if err != nil {
		return nil, err
	}
	return fileInfo{v}, nil
}

// Create makes an empty file with mode 0644. It returns fs.ErrExist if the file exists.
func (d *Directory) Create(ctx context.Context, name string) error {
	return d.host.CreateVolume(ctx, Volume{Pool: d.pool, Name: name, Format: "raw", Mode: publicMode})
}

// Write overwrites the file with content from the beginning. It makes a file longer, but not shorter. After a
// failure, the file has a part of the content.
func (d *Directory) Write(ctx context.Context, name string, content io.Reader) error {
	return d.host.Upload(ctx, d.pool, name, content)
}

// Truncate cuts the file to size bytes. size is at least one.
func (d *Directory) Truncate(ctx context.Context, name string, size int64) error {
	return d.host.ResizeVolume(ctx, d.pool, name, uint64(size), true)
}

// Read writes the file's bytes to a writer, which may be slow.
func (d *Directory) Read(ctx context.Context, name string, to io.Writer) error {
	return d.host.Download(ctx, d.pool, name, to)
}

// Copy makes a copy of a file on the host, with mode 0644.
func (d *Directory) Copy(ctx context.Context, from, to string) error {
	source, err := d.host.Volume(ctx, d.pool, from)
	if err != nil {
		return err
	}
	copied := Volume{Pool: d.pool, Name: to, Format: "raw", Mode: publicMode, Capacity: source.Capacity}
	return d.host.CloneVolume(ctx, copied, from)
}

// Remove deletes a file.
func (d *Directory) Remove(ctx context.Context, name string) error {
	return d.host.DeleteVolume(ctx, d.pool, name)
}

// fileInfo is a volume as an fs.FileInfo.
type fileInfo struct{ volume Volume }

func (i fileInfo) Name() string       { return i.volume.Name }
func (i fileInfo) Size() int64        { return int64(i.volume.Capacity) }
func (i fileInfo) Mode() fs.FileMode  { return permissions(i.volume.Mode, 0o644) }
func (i fileInfo) ModTime() time.Time { return i.volume.ModTime }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }

// permissions reads an octal mode. If libvirt does not report the mode, the permissions are taken to be as they
// should be.
func permissions(mode string, asTheyShould fs.FileMode) fs.FileMode {
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return asTheyShould
	}
	return fs.FileMode(bits).Perm()
}
