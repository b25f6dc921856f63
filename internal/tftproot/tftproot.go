// Package tftproot publishes, reads and replaces files below a TFTP root in such a way that a guest that
// boots at the same time never loads an incomplete file.
package tftproot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"time"
)

// Directory is a directory on the libvirt host: a storage pool seen as files.
type Directory interface {
	// Stat returns at least the size, the permissions and the modification time, or an error that is
	// fs.ErrNotExist.
	Stat(ctx context.Context, name string) (fs.FileInfo, error)
	// Create makes an empty file with mode 0644. The error is fs.ErrExist if the file exists.
	Create(ctx context.Context, name string) error
	// Write overwrites the file from its first byte and extends it if necessary, but never truncates it. A
	// Write that fails may have written a part.
	Write(ctx context.Context, name string, content io.Reader) error
	// Truncate cuts the file to size bytes.
	Truncate(ctx context.Context, name string, size int64) error
	// Read writes the content of the file to w.
	Read(ctx context.Context, name string, w io.Writer) error
	// Copy copies a file to a new file with mode 0644, on the host. The error is fs.ErrExist if a file with
	// the new name exists. A Copy that fails may leave an incomplete file.
	Copy(ctx context.Context, from, to string) error
	// Remove removes the file, or returns an error that is fs.ErrNotExist.
	Remove(ctx context.Context, name string) error
}

// File is a published file, as it was when it was last read or written.
type File struct {
	Name    string
	SHA256  string // of the content, 64 lower-case hexadecimal digits
	Size    int64  // in bytes
	ModTime time.Time

	// Unreadable says that others are not allowed to read the file. dnsmasq, which runs as the user nobody,
	// then skips it without a message, and a guest boots from the next name. So such a file is not published.
	Unreadable bool `json:",omitempty"`
}

// Readable tells whether others, such as dnsmasq, may read a file.
func Readable(file fs.FileInfo) bool { return file.Mode().Perm()&0o004 != 0 }

// cleanupTime is the time limit for what must be finished after the context is done.
const cleanupTime = 10 * time.Second

// Verify returns the current state of the file. It reads the content only if the size or the modification
// time has changed. The error is fs.ErrNotExist if the file no longer exists.
func Verify(ctx context.Context, dir Directory, known File) (File, error) {
	info, err := dir.Stat(ctx, known.Name)
	if err != nil {
		return File{}, fmt.Errorf("verify %s: %w", known.Name, err)
	}
	if info.Size() == known.Size && info.ModTime().Equal(known.ModTime) {
		known.Unreadable = !Readable(info)
		return known, nil
	}
	return examine(ctx, dir, known.Name, io.Discard)
}

// examine reads the file, and copies it to content.
func examine(ctx context.Context, dir Directory, name string, content io.Writer) (File, error) {
	// Stat comes first, so that the next Verify notices a change during the reading.
	info, err := dir.Stat(ctx, name)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", name, err)
	}
	sum := newDigest()
	if err := dir.Read(ctx, name, io.MultiWriter(sum, content)); err != nil {
		return File{}, fmt.Errorf("read %s: %w", name, err)
	}
	return File{Name: name, SHA256: sum.String(), Size: sum.size, ModTime: info.ModTime(), Unreadable: !Readable(info)}, nil
}

// abandon removes what a failed operation would leave on the host, even if ctx is done, and returns why the
// operation failed.
func abandon(ctx context.Context, dir Directory, failure error, names ...string) error {
	ctx, cancel := cleanupContext(ctx)
	defer cancel()
	for _, name := range names {
		if err := remove(ctx, dir, name); err != nil {
			failure = errors.Join(failure, fmt.Errorf("%s is left on the host: %w", name, err))
		}
	}
	return failure
}

// remove removes the file if it exists.
func remove(ctx context.Context, dir Directory, name string) error {
	if err := dir.Remove(ctx, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// cleanupContext returns a context that lasts for a limited time after ctx is done.
func cleanupContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// digest hashes and counts what is written to it.
type digest struct {
	hash.Hash
	size int64
}

func newDigest() *digest { return &digest{Hash: sha256.New()} }

func (d *digest) Write(p []byte) (int, error) {
	d.size += int64(len(p))
	return d.Hash.Write(p)
}

func (d *digest) String() string { return hex.EncodeToString(d.Sum(nil)) }
