package virttest

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"
)

// Disk is the host's file system as another user of that host uses it. Its directories are those that pools or Mkdir
// have made.
func (h *Host) Disk() FileSystem { return disk{h} }

type disk struct{ host *Host }

// file is a file, or a directory if its mode says so.
type file struct {
	name         string
	owner, group string
	mode         fs.FileMode
	modTime      time.Time
	blocks       map[int64][]byte // by number; only blocks that are not all zeros
	size         int64
	reserved     uint64 // minimum bytes that it uses on the disk
}

const blockSize = 4096

var zeros [blockSize]byte

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
	return f.bytes(0, f.size), nil
}

// WriteFile makes a file, and the directories that contain it.
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

// Remove removes a file, or a directory with all its content.
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

// write puts content at an offset. It makes a file longer, but not shorter.
func (f *file) write(offset int64, content []byte) {
	f.size = max(f.size, offset+int64(len(content)))
	f.modTime = time.Now().UTC()
	for len(content) > 0 {
		number, at := offset/blockSize, offset%blockSize
		part := content[:min(int64(len(content)), blockSize-at)]
		f.writeBlock(number, at, part)
		offset, content = offset+int64(len(part)), content[len(part):]
	}
}

func (f *file) writeBlock(number, at int64, part []byte) {
	block, onlyZeros := f.blocks[number], isZero(part)
	if block == nil {
		if onlyZeros {
			return
		}
		block = make([]byte, blockSize)
		if f.blocks == nil {
			f.blocks = map[int64][]byte{}
		}
		f.blocks[number] = block
	}
	copy(block[at:], part)
	if onlyZeros && isZero(block) {
		delete(f.blocks, number)
	}
}

// isZero reports whether a part of at most one block is zeros. It makes one comparison, which is fast under the race
// detector.
func isZero(part []byte) bool { return bytes.Equal(part, zeros[:len(part)]) }

// bytes returns the bytes from one place to another, as far as the file has them.
func (f *file) bytes(from, to int64) []byte {
	content := make([]byte, max(0, min(to, f.size)-from))
	f.read(from, content)
	return content
}

// read fills into, which has only zeros, with the content at an offset.
func (f *file) read(offset int64, into []byte) {
	for len(into) > 0 {
		number, at := offset/blockSize, offset%blockSize
		part := into[:min(int64(len(into)), blockSize-at)]
		if block := f.blocks[number]; block != nil {
			copy(part, block[at:])
		}
		offset, into = offset+int64(len(part)), into[len(part):]
	}
}

// copyOf makes the content equal to the current content of another file.
func (f *file) copyOf(other *file) {
	f.size, f.blocks = other.size, make(map[int64][]byte, len(other.blocks))
	for number, block := range other.blocks {
		f.blocks[number] = bytes.Clone(block)
	}
}

// allocated returns how many bytes a file uses on a disk that does not store zeros, except for reserved bytes.
func (f *file) allocated() uint64 { return max(uint64(len(f.blocks))*blockSize, f.reserved) }

func (f *file) truncate(size int64) {
	if last := size / blockSize; f.blocks[last] != nil && size < f.size {
		f.writeBlock(last, size%blockSize, zeros[size%blockSize:])
	}
	maps.DeleteFunc(f.blocks, func(number int64, _ []byte) bool { return number*blockSize >= size })
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
