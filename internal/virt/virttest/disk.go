package virttest

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Disk is the host's file system as somebody else on that host uses it. Its directories are those
// that pools made or Mkdir did.
func (h *Host) Disk() FileSystem { return disk{h} }

type disk struct{ host *Host }

// file is a file, or a directory where its mode says so. What lies between data and size is a hole.
type file struct {
	name         string
	owner, group string
	mode         fs.FileMode
	modTime      time.Time
	data         []byte
	size         int64
	reserved     uint64 // bytes of the disk that it has at least
}

// Stat returns a file's size, mode and modification time.
func (d disk) Stat(path string) (fs.FileInfo, error) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	f, found := d.host.files[path]
	if !found {
		return nil, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return info{*f}, nil
}

// ReadFile returns a file's content.
func (d disk) ReadFile(path string) ([]byte, error) {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	f, found := d.host.files[path]
	if !found {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	content := make([]byte, f.size)
	copy(content, f.data)
	return content, nil
}

// WriteFile makes a file, and the directories that it is in.
func (d disk) WriteFile(name string, content []byte) error {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	d.host.mkdirAll(path.Dir(name))
	d.host.newFile(name, 0o644).write(0, content)
	return nil
}

// Mkdir makes a directory.
func (d disk) Mkdir(path string, mode fs.FileMode) error {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	if d.host.files[path] != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: fs.ErrExist}
	}
	d.host.newFile(path, fs.ModeDir|mode)
	return nil
}

// Chmod sets the permissions of a file or directory.
func (d disk) Chmod(path string, mode fs.FileMode) error {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	f, found := d.host.files[path]
	if !found {
		return &fs.PathError{Op: "chmod", Path: path, Err: fs.ErrNotExist}
	}
	f.mode = f.mode.Type() | mode.Perm()
	return nil
}

// Remove removes a file, or a directory with all that is in it.
func (d disk) Remove(path string) error {
	d.host.mu.Lock()
	defer d.host.mu.Unlock()
	maps.DeleteFunc(d.host.files, func(name string, _ *file) bool {
		return name == path || strings.HasPrefix(name, path+"/")
	})
	return nil
}

func (h *Host) newFile(name string, mode fs.FileMode) *file {
	f := &file{name: path.Base(name), owner: "0", group: "0", mode: mode, modTime: time.Now().UTC()}
	h.files[name] = f
	return f
}

func (h *Host) mkdirAll(name string) {
	for ; name != "/" && h.files[name] == nil; name = path.Dir(name) {
		h.newFile(name, fs.ModeDir|0o755)
	}
}

func (h *Host) isDir(name string) bool { return h.files[name] != nil && h.files[name].mode.IsDir() }

func (h *Host) isEmpty(directory string) bool {
	for name := range h.files {
		if path.Dir(name) == directory {
			return false
		}
	}
	return true
}

// write puts content at an offset; a file gets longer by it, never shorter.
func (f *file) write(offset int64, content []byte) {
	end := offset + int64(len(content))
	if missing := end - int64(len(f.data)); missing > 0 {
		f.data = append(f.data, make([]byte, missing)...)
	}
	copy(f.data[offset:], content)
	f.size = max(f.size, end)
	f.modTime = time.Now().UTC()
}

// allocated is how many bytes a file takes on a disk that keeps no zeros, but for those reserved.
func (f *file) allocated() (bytes uint64) {
	const blockSize = 4096
	for block := range slices.Chunk(f.data, blockSize) {
		if slices.ContainsFunc(block, func(b byte) bool { return b != 0 }) {
			bytes += blockSize
		}
	}
	return max(bytes, f.reserved)
}

func (f *file) truncate(size int64) {
	f.data = f.data[:min(size, int64(len(f.data)))]
	f.size = size
	f.modTime = time.Now().UTC()
}

// info is a file as an fs.FileInfo.
type info struct{ file file }

func (i info) Name() string       { return i.file.name }
func (i info) Size() int64        { return i.file.size }
func (i info) Mode() fs.FileMode  { return i.file.mode }
func (i info) ModTime() time.Time { return i.file.modTime }
func (i info) IsDir() bool        { return i.file.mode.IsDir() }
func (i info) Sys() any           { return nil }
