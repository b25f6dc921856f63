package virttest

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"strings"
	"time"
)

// Disk is the host's file system as somebody else on that host uses it. Its directories are those
// that pools made or Mkdir did.
func (h *Host) Disk() FileSystem { return disk{h} }

type disk struct{ host *Host }

// file is a file, or a directory where its mode says so.
type file struct {
	name         string
	owner, group string
	mode         fs.FileMode
	modTime      time.Time
	blocks       map[int64][]byte // by their numbers, those that are not all zeros
	size         int64
	reserved     uint64 // bytes of the disk that it has at least
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

// isZero tells whether what fits into a block is zeros: in one comparison, for the race detector's sake.
func isZero(part []byte) bool { return bytes.Equal(part, zeros[:len(part)]) }

// bytes are those from one place to another, as far as there are any.
func (f *file) bytes(from, to int64) []byte {
	content := make([]byte, max(0, min(to, f.size)-from))
	f.read(from, content)
	return content
}

// read fills zeros with what is at an offset.
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

// copyOf makes the content what that of another file is now.
func (f *file) copyOf(other *file) {
	f.size, f.blocks = other.size, make(map[int64][]byte, len(other.blocks))
	for number, block := range other.blocks {
		f.blocks[number] = bytes.Clone(block)
	}
}

// allocated is how many bytes a file takes on a disk that keeps no zeros, but for those reserved.
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
