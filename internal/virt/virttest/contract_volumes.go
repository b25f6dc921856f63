package virttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// volumeHost is what the cases of volumes need of a host.
type volumeHost interface {
	Volume(ctx context.Context, pool, name string) (virt.Volume, error)
	VolumeAt(ctx context.Context, path string) (pool, name string, err error)
	VolumeNames(ctx context.Context, pool string) ([]string, error)
	CreateVolume(ctx context.Context, v virt.Volume) error
	CloneVolume(ctx context.Context, v virt.Volume, from string) error
	ResizeVolume(ctx context.Context, pool, name string, capacity uint64, shrink bool) error
	DeleteVolume(ctx context.Context, pool, name string) error
	Upload(ctx context.Context, pool, name string, content io.Reader) error
	Fill(ctx context.Context, pool, name string, content io.Reader) error
	Download(ctx context.Context, pool, name string, to io.Writer) error
}

var volumeChecks = []check{
	{"a volume is made", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		v := givenVolume("file")
		done(t, "CreateVolume", s.CreateVolume(t.Context(), v))
		wantMode(t, s, path.Join(poolPath, "file"), 0o644)
		wantContent(t, s, "file", "")

		read, err := s.Volume(t.Context(), poolName, "file")
		done(t, "Volume", err)
		if age := time.Since(read.ModTime); age < -time.Minute || age > time.Minute {
			t.Errorf("ModTime is %v, which is not now", read.ModTime)
		}
		v.Path, v.ModTime, v.Preallocation, v.Owner, v.Group = path.Join(poolPath, "file"), read.ModTime, "off", "0", "0"
		if read != v {
			t.Errorf("Volume returned %+v, want %+v", read, v)
		}
		pool, name, err := s.VolumeAt(t.Context(), v.Path)
		if err != nil || pool != poolName || name != "file" {
			t.Errorf("VolumeAt returned %q, %q, %v", pool, name, err)
		}
		refused(t, "CreateVolume again", s.CreateVolume(t.Context(), v), virt.ErrExists)
	}},
	{"a volume that does not exist", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		wantNoVolume(t, s, poolName)
		_, _, err := s.VolumeAt(t.Context(), path.Join(poolPath, "none"))
		refused(t, "VolumeAt", err, virt.ErrNotFound)
	}},
	{"a volume of a pool that does not exist", func(t *testing.T, s Subject) {
		wantNoVolume(t, s, poolName)
		refused(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume("none")), virt.ErrNotFound)
	}},
	{"a file that another user removed no longer exists", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "content")
		done(t, "Remove", s.Disk.Remove(path.Join(poolPath, "file")))
		_, err := s.Volume(t.Context(), poolName, "file")
		refused(t, "Volume", err, virt.ErrNotFound)
		failedWithoutVolume(t, "Download", s.Download(t.Context(), poolName, "file", io.Discard))
		failedWithoutVolume(t, "Upload", s.Upload(t.Context(), poolName, "file", strings.NewReader("new")))
		wantGone(t, s, path.Join(poolPath, "file"))
	}},
	{"a file that another user made has its name", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenFile(t, s)
		_, err := s.Volume(t.Context(), poolName, "theirs")
		refused(t, "Volume before libvirt has looked", err, virt.ErrNotFound)
		refused(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume("theirs")), virt.ErrExists)
		wantContent(t, s, "theirs", "kept")
		wantCapacity(t, s, "theirs", 4)
	}},
	{"a file has the mode that another user gave it", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "content")
		directory := virt.NewDirectory(s, poolName)
		for _, mode := range []fs.FileMode{0o644, 0o600, 0o640, 0o604, 0, 0o777} {
			done(t, "Chmod", s.Disk.Chmod(path.Join(poolPath, "file"), mode))
			info, err := directory.Stat(t.Context(), "file")
			done(t, "Stat", err)
			if info.Mode() != mode {
				t.Errorf("the file has mode %v, want %v", info.Mode(), mode)
			}
		}
	}},
	{"volumes are listed", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		if names, err := s.VolumeNames(t.Context(), poolName); err != nil || len(names) > 0 {
			t.Errorf("VolumeNames of an empty pool returned %q, %v", names, err)
		}
		givenContent(t, s, "mine", "")
		givenFile(t, s)
		names, err := s.VolumeNames(t.Context(), poolName)
		slices.Sort(names)
		if err != nil || !slices.Equal(names, []string{"mine", "theirs"}) {
			t.Errorf("VolumeNames returned %q, %v", names, err)
		}
	}},
	{"an upload makes a volume longer and never shorter", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", letters(5<<20+3))
		wantCapacity(t, s, "file", 5<<20+3)
		done(t, "Upload", s.Upload(t.Context(), poolName, "file", strings.NewReader("short")))
		wantContent(t, s, "file", "short"+letters(5<<20 + 3)[5:])

		done(t, "ResizeVolume", s.ResizeVolume(t.Context(), poolName, "file", 5, true))
		wantContent(t, s, "file", "short")
		wantCapacity(t, s, "file", 5)
		done(t, "Upload of nothing", s.Upload(t.Context(), poolName, "file", strings.NewReader("")))
		wantContent(t, s, "file", "short")
	}},
	{"an empty volume is filled", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		zeros := func(n int) string { return strings.Repeat("\x00", n) }
		for name, content := range map[string]string{
			"nothing":      "",
			"a byte":       "x",
			"a zero":       zeros(1),
			"zeros":        zeros(5<<20 + 3),
			"bytes":        letters(1<<20 + 1),
			"hole between": letters(1<<20) + zeros(4<<20+5) + letters(7),
			"hole before":  zeros(2<<20) + letters(3),
			"hole behind":  letters(3) + zeros(2<<20),
		} {
			done(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume(name)))
			done(t, "Fill", s.Fill(t.Context(), poolName, name, strings.NewReader(content)))
			wantContent(t, s, name, content)
			wantCapacity(t, s, name, uint64(len(content)))
		}
		wantAllocation(t, s, "zeros", 0)
		wantAllocation(t, s, "hole between", 2<<20)
	}},
	{"content that knows its holes is read where it has bytes", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		const size = 16 << 20
		for name, at := range map[string]int64{"last": size - holedLetters, "first": 0, "between": 5 << 20} {
			done(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume(name)))
			content := newHoled(size, at)
			done(t, "Fill", s.Fill(t.Context(), poolName, name, content))
			got := 0
			done(t, "Download", s.Download(t.Context(), poolName, name, writerFunc(func(p []byte) (int, error) {
				if rest := content.bytes[min(got, size):]; !bytes.HasPrefix(rest, p) {
					return 0, fmt.Errorf("%s: the volume has other bytes within %d of %d", name, len(p), got)
				}
				got += len(p)
				return len(p), nil
			})))
			if got != size {
				t.Errorf("%s: the volume has %d bytes", name, got)
			}
			if content.read > 1<<20 {
				t.Errorf("%s: %d bytes were read", name, content.read)
			}
			wantAllocation(t, s, name, 1<<20)
		}
	}},
	{"an upload shows in the time", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "first")
		before, err := s.Volume(t.Context(), poolName, "file")
		done(t, "Volume", err)
		time.Sleep(20 * time.Millisecond) // more than a tick of the file system's clock
		done(t, "Upload", s.Upload(t.Context(), poolName, "file", strings.NewReader("other")))
		after, err := s.Volume(t.Context(), poolName, "file")
		if err != nil || !after.ModTime.After(before.ModTime) {
			t.Errorf("ModTime went from %v to %v (%v)", before.ModTime, after.ModTime, err)
		}
	}},
	{"a download", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		for _, size := range []int{0, 1, 3<<20 + 1} {
			name := fmt.Sprint(size)
			givenContent(t, s, name, letters(size))
			var got bytes.Buffer
			done(t, "Download", s.Download(t.Context(), poolName, name, &got))
			if got.String() != letters(size) {
				t.Errorf("a download of %d bytes brought %d", size, got.Len())
			}
		}
	}},
	{"a copy", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", letters(1<<20+1))
		directory := virt.NewDirectory(s, poolName)
		done(t, "Copy", directory.Copy(t.Context(), "file", "copy"))
		wantContent(t, s, "copy", letters(1<<20+1))
		wantMode(t, s, path.Join(poolPath, "copy"), 0o644)
		refused(t, "Copy again", directory.Copy(t.Context(), "file", "copy"), virt.ErrExists)
		refused(t, "Copy of nothing", directory.Copy(t.Context(), "none", "other"), virt.ErrNotFound)
		refused(t, "CloneVolume of nothing", s.CloneVolume(t.Context(), givenVolume("other"), "none"), virt.ErrNotFound)
		wantGone(t, s, path.Join(poolPath, "other"))
	}},
	{"a disk image", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		base := virt.Volume{Pool: poolName, Name: "base.qcow2", Format: "qcow2", Capacity: 1 << 30}
		done(t, "CreateVolume", s.CreateVolume(t.Context(), base))
		overlay := virt.Volume{
			Pool: poolName, Name: "overlay.qcow2", Format: "qcow2", Capacity: 2 << 30,
			Backing: &virt.Backing{Path: path.Join(poolPath, base.Name), Format: "qcow2"},
		}
		done(t, "CreateVolume with backing", s.CreateVolume(t.Context(), overlay))

		read, err := s.Volume(t.Context(), poolName, overlay.Name)
		done(t, "Volume", err)
		if read.Format != "qcow2" || read.Capacity != 2<<30 || read.Backing == nil || *read.Backing != *overlay.Backing {
			t.Errorf("Volume returned %+v over %+v, want %+v over %+v", read, read.Backing, overlay, overlay.Backing)
		}
		if read.Allocation == 0 || read.Allocation >= 1<<20 {
			t.Errorf("an empty image takes %d bytes", read.Allocation)
		}
	}},
	{"a disk image of a layout", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		for _, v := range []virt.Volume{
			{Name: "new.qcow2", Format: "qcow2", Compat: "1.1", ClusterSize: 64 << 10, Preallocation: "off"},
			{Name: "old.qcow2", Format: "qcow2", Compat: "0.10", Preallocation: "off"},
			{Name: "clusters.qcow2", Format: "qcow2", Compat: "1.1", ClusterSize: 128 << 10, Preallocation: "metadata"},
			{Name: "allocated.qcow2", Format: "qcow2", Compat: "1.1", ClusterSize: 64 << 10, Preallocation: "falloc"},
			{Name: "thin", Format: "raw", Preallocation: "off"},
			{Name: "allocated", Format: "raw", Preallocation: "falloc"},
		} {
			v.Pool, v.Capacity, v.Owner, v.Group, v.Mode = poolName, 8<<20, "64055", "107", "0640"
			done(t, "CreateVolume", s.CreateVolume(t.Context(), v))
			read, err := s.Volume(t.Context(), poolName, v.Name)
			done(t, "Volume", err)
			read.Path, read.ModTime, read.Allocation = "", time.Time{}, 0
			if v.ClusterSize == 0 {
				read.ClusterSize = 0 // libvirt reports the older image's value only after a refresh
			}
			if read != v {
				t.Errorf("Volume returned %+v, want %+v", read, v)
			}
		}
	}},
	{"a disk image that is filled in is one after a fresh look", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		base := virt.Volume{Pool: poolName, Name: "base.qcow2", Format: "qcow2", Compat: "1.1", Capacity: 1 << 30}
		done(t, "CreateVolume", s.CreateVolume(t.Context(), base))
		var content bytes.Buffer
		done(t, "Download", s.Download(t.Context(), poolName, base.Name, &content))
		done(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume("filled")))
		done(t, "Fill", s.Fill(t.Context(), poolName, "filled", &content))
		_, err := s.VolumeNames(t.Context(), poolName)
		done(t, "VolumeNames", err)
		for name, format := range map[string]string{"base.qcow2": "qcow2", "filled": "qcow2"} {
			read, err := s.Volume(t.Context(), poolName, name)
			done(t, "Volume", err)
			if read.Format != format || read.Capacity != 1<<30 || read.Compat != "1.1" {
				t.Errorf("Volume returned %+v, want a %s of 1 GiB", read, format)
			}
		}
	}},
	{"a copy in another format", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		raw := virt.Volume{Pool: poolName, Name: "thin", Format: "raw", Preallocation: "off", Capacity: 64 << 20}
		image := virt.Volume{Pool: poolName, Name: "image", Format: "qcow2", Preallocation: "off", Compat: "1.1", ClusterSize: 1 << 20}
		back := virt.Volume{Pool: poolName, Name: "back", Format: "raw", Preallocation: "off"}
		done(t, "CreateVolume", s.CreateVolume(t.Context(), raw))
		done(t, "CloneVolume", s.CloneVolume(t.Context(), image, raw.Name))
		done(t, "CloneVolume", s.CloneVolume(t.Context(), back, image.Name))
		for _, v := range []virt.Volume{image, back} {
			read, err := s.Volume(t.Context(), poolName, v.Name)
			done(t, "Volume", err)
			if read.Format != v.Format || read.ClusterSize != v.ClusterSize || read.Capacity != raw.Capacity || read.Preallocation != "off" {
				t.Errorf("Volume returned %+v, want %+v of 64 MiB", read, v)
			}
		}
	}},
	{"a volume grows and shrinks only on demand", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		image := virt.Volume{Pool: poolName, Name: "image", Format: "qcow2", Capacity: 1 << 30}
		done(t, "CreateVolume", s.CreateVolume(t.Context(), image))
		done(t, "ResizeVolume", s.ResizeVolume(t.Context(), poolName, "image", 3<<30, false))
		wantCapacity(t, s, "image", 3<<30)
		failed(t, "ResizeVolume to less", s.ResizeVolume(t.Context(), poolName, "image", 1<<30, false))
		wantCapacity(t, s, "image", 3<<30)
	}},
	{"a volume is removed", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "content")
		done(t, "DeleteVolume", s.DeleteVolume(t.Context(), poolName, "file"))
		wantGone(t, s, path.Join(poolPath, "file"))
		refused(t, "DeleteVolume again", s.DeleteVolume(t.Context(), poolName, "file"), virt.ErrNotFound)
	}},
	{"uploads side by side", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		var uploads sync.WaitGroup
		for i := range 4 {
			uploads.Go(func() {
				v := givenVolume(fmt.Sprint(i))
				if err := errors.Join(s.CreateVolume(t.Context(), v),
					s.Upload(t.Context(), poolName, v.Name, strings.NewReader(letters(2<<20+i)))); err != nil {
					t.Errorf("upload %d: %v", i, err)
				}
			})
		}
		uploads.Wait()
		for i := range 4 {
			wantContent(t, s, fmt.Sprint(i), letters(2<<20+i))
		}
	}},
	{"an upload ends with its context", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "")
		for what, upload := range uploads(s) {
			ctx, cancel := context.WithCancel(t.Context())
			content := &endless{then: cancel}
			err := soon(t, what, func() error { return upload(ctx, poolName, "file", content) })
			refused(t, what, err, context.Canceled)
			_, err = s.Volume(t.Context(), poolName, "file")
			done(t, "Volume", err)
		}
	}},
	{"an upload ends with its reader", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", "")
		for what, upload := range uploads(s) {
			broken := errors.New("the source broke")
			content := io.MultiReader(strings.NewReader(letters(3<<20)), iotest.ErrReader(broken))
			err := soon(t, what, func() error { return upload(t.Context(), poolName, "file", content) })
			refused(t, what, err, broken)
			_, err = s.Volume(t.Context(), poolName, "file")
			done(t, "Volume", err)
		}
	}},
	{"a slow reader delays no one", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", letters(8<<20))
		slow := &slowWriter{began: make(chan struct{}), goOn: make(chan struct{})}
		download := make(chan error, 1)
		go func() { download <- s.Download(t.Context(), poolName, "file", slow) }()
		<-slow.began
		for range 10 {
			err := soon(t, "Volume beside a slow download", func() error {
				_, err := s.Volume(t.Context(), poolName, "file")
				return err
			})
			done(t, "Volume", err)
		}
		close(slow.goOn)
		done(t, "Download", <-download)
		if slow.bytes != 8<<20 {
			t.Errorf("the slow download brought %d bytes", slow.bytes)
		}
	}},
	{"a download ends with its context and its writer", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenContent(t, s, "file", letters(8<<20))
		ctx, cancel := context.WithCancel(t.Context())
		err := soon(t, "Download", func() error {
			return s.Download(ctx, poolName, "file", writerFunc(func(p []byte) (int, error) {
				cancel()
				return len(p), nil
			}))
		})
		refused(t, "Download", err, context.Canceled)
		full := errors.New("the disk is full")
		err = soon(t, "Download", func() error {
			return s.Download(t.Context(), poolName, "file", writerFunc(func([]byte) (int, error) { return 0, full }))
		})
		refused(t, "Download", err, full)
	}},
}

// givenVolume returns a file like those in a TFTP root.
func givenVolume(name string) virt.Volume {
	return virt.Volume{Pool: poolName, Name: name, Format: "raw", Mode: "0644"}
}

func givenContent(t *testing.T, s Subject, name, content string) {
	t.Helper()
	done(t, "CreateVolume", s.CreateVolume(t.Context(), givenVolume(name)))
	done(t, "Upload", s.Upload(t.Context(), poolName, name, strings.NewReader(content)))
	wantContent(t, s, name, content)
}

// uploads returns the ways to write into a volume.
func uploads(s Subject) map[string]func(ctx context.Context, pool, name string, content io.Reader) error {
	return map[string]func(ctx context.Context, pool, name string, content io.Reader) error{"Upload": s.Upload, "Fill": s.Fill}
}

// wantAllocation checks that a volume uses at most this many bytes of the disk.
func wantAllocation(t *testing.T, s Subject, name string, most uint64) {
	t.Helper()
	v, err := s.Volume(t.Context(), poolName, name)
	done(t, "Volume", err)
	if v.Allocation > most {
		t.Errorf("%s takes %d bytes on the disk, want at most %d", name, v.Allocation, most)
	}
}

func wantCapacity(t *testing.T, s Subject, name string, want uint64) {
	t.Helper()
	v, err := s.Volume(t.Context(), poolName, name)
	done(t, "Volume", err)
	if v.Capacity != want {
		t.Errorf("%s has a capacity of %d, want %d", name, v.Capacity, want)
	}
}

func wantNoVolume(t *testing.T, s Subject, pool string) {
	t.Helper()
	_, err := s.Volume(t.Context(), pool, "none")
	refused(t, "Volume", err, virt.ErrNotFound)
	refused(t, "ResizeVolume", s.ResizeVolume(t.Context(), pool, "none", 1, true), virt.ErrNotFound)
	refused(t, "DeleteVolume", s.DeleteVolume(t.Context(), pool, "none"), virt.ErrNotFound)
	refused(t, "Download", s.Download(t.Context(), pool, "none", io.Discard), virt.ErrNotFound)
	refused(t, "Upload", s.Upload(t.Context(), pool, "none", strings.NewReader("x")), virt.ErrNotFound)
}

// failedWithoutVolume accepts either error for a file that was removed but that libvirt still lists.
func failedWithoutVolume(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error although the file is gone", what)
	}
}

// endless is content that calls a function in the middle and continues.
type endless struct {
	bytes int
	then  func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.bytes += len(p); e.bytes > 4<<20 {
		e.then()
		time.Sleep(time.Millisecond) // so that it fills no disk
	}
	return len(p), nil
}

// holed is this many zeros, except for some letters in one place.
type holed struct {
	bytes    []byte
	at, size int64 // of the letters, and of everything
	pos      int64
	read     int
}

const holedLetters = 4096

func newHoled(size, at int64) *holed {
	h := &holed{bytes: make([]byte, size), at: at, size: size}
	copy(h.bytes[at:], letters(holedLetters))
	return h
}

func (h *holed) SkipHole() (int64, error) {
	begin := h.pos
	switch {
	case h.pos < h.at:
		h.pos = h.at
	case h.pos >= h.at+holedLetters:
		h.pos = h.size
	}
	return h.pos - begin, nil
}

func (h *holed) Read(p []byte) (int, error) {
	n, err := bytes.NewReader(h.bytes).ReadAt(p, h.pos)
	h.pos += int64(n)
	h.read += n
	return n, err
}

// slowWriter accepts nothing until it may continue.
type slowWriter struct {
	began, goOn chan struct{}
	once        sync.Once
	bytes       int
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.once.Do(func() { close(w.began) })
	<-w.goOn
	w.bytes += len(p)
	return len(p), nil
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
