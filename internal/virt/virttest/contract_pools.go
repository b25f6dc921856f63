package virttest

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"testing"

	"github.com/s390x-netboot/terraform-provider-netboot/internal/virt"
)

// The pool that checks use. The parent of its directory does not exist on a new host.
const (
	poolName = "contract"
	poolPath = "/srv/contract/tftp"
)

// poolHost is what the cases of pools need of a host.
type poolHost interface {
	Pool(ctx context.Context, name string) (virt.Pool, error)
	PoolNames(ctx context.Context) ([]string, error)
	PoolAt(ctx context.Context, path string) (virt.Pool, error)
	CreatePool(ctx context.Context, name, path string) (pool virt.Pool, madeDirectory bool, err error)
	StartPool(ctx context.Context, name string) error
	DeletePool(ctx context.Context, name string, removeDirectory bool) error
}

var poolChecks = []check{
	{"a pool makes its missing directory", func(t *testing.T, s Subject) {
		pool := givenPool(t, s, true)
		want := virt.Pool{Name: poolName, UUID: pool.UUID, Path: poolPath, Mode: "0755", Active: true, Autostart: true}
		if pool != want || !pool.Marked() {
			t.Errorf("CreatePool returned %+v, want %+v", pool, want)
		}
		read, err := s.Pool(t.Context(), poolName)
		done(t, "Pool", err)
		at, err := s.PoolAt(t.Context(), poolPath)
		done(t, "PoolAt", err)
		if read != want || at != want {
			t.Errorf("Pool returned %+v and PoolAt %+v, want %+v", read, at, want)
		}
		wantMode(t, s, poolPath, fs.ModeDir|0o755)
	}},
	{"a pool adopts a directory as it is", func(t *testing.T, s Subject) {
		done(t, "Mkdir", s.Disk.Mkdir(path.Dir(poolPath), 0o755))
		done(t, "Mkdir", s.Disk.Mkdir(poolPath, 0o700))
		givenFile(t, s)
		wantPublic(t, givenPool(t, s, false), "0700", false)
		wantMode(t, s, poolPath, fs.ModeDir|0o700)
		wantContent(t, s, "theirs", "kept")
	}},
	{"a pool has the mode that its directory had at the last look", func(t *testing.T, s Subject) {
		wantPublic(t, givenPool(t, s, true), "0755", true)
		mode := "0755"
		for _, next := range []fs.FileMode{0o700, 0o711, 0o754, 0o777, 0o750, 0o755} {
			done(t, "Chmod", s.Disk.Chmod(poolPath, next))
			pool, err := s.Pool(t.Context(), poolName)
			done(t, "Pool before a look", err)
			if pool.Mode != mode {
				t.Errorf("before a look the mode is %s, want %s", pool.Mode, mode)
			}
			_, err = s.VolumeNames(t.Context(), poolName)
			done(t, "VolumeNames", err)
			pool, err = s.Pool(t.Context(), poolName)
			done(t, "Pool", err)
			mode = fmt.Sprintf("%04o", next)
			wantPublic(t, pool, mode, next == 0o777 || next == 0o755)
		}
		done(t, "StopPool", s.StopPool(t.Context(), poolName))
		done(t, "Chmod", s.Disk.Chmod(poolPath, 0o711))
		done(t, "StartPool", s.StartPool(t.Context(), poolName))
		pool, err := s.Pool(t.Context(), poolName)
		done(t, "Pool after a start", err)
		wantPublic(t, pool, "0711", false)
	}},
	{"a pool's name and directory are its own", func(t *testing.T, s Subject) {
		pool := givenPool(t, s, true)
		_, _, err := s.CreatePool(t.Context(), poolName, poolPath+"2")
		refused(t, "CreatePool with a name that is taken", err, virt.ErrExists)
		_, _, err = s.CreatePool(t.Context(), poolName+"2", poolPath)
		failed(t, "CreatePool at a directory that is taken", err)
		if still, err := s.Pool(t.Context(), poolName); err != nil || still != pool {
			t.Errorf("the pool is now %+v (%v), was %+v", still, err, pool)
		}
		wantGone(t, s, poolPath+"2")
	}},
	{"a pool that does not exist", func(t *testing.T, s Subject) {
		_, err := s.Pool(t.Context(), poolName)
		refused(t, "Pool", err, virt.ErrNotFound)
		_, err = s.PoolAt(t.Context(), poolPath)
		refused(t, "PoolAt", err, virt.ErrNotFound)
		_, err = s.VolumeNames(t.Context(), poolName)
		refused(t, "VolumeNames", err, virt.ErrNotFound)
		refused(t, "StartPool", s.StartPool(t.Context(), poolName), virt.ErrNotFound)
		refused(t, "DeletePool", s.DeletePool(t.Context(), poolName, true), virt.ErrNotFound)
	}},
	{"a pool is started", func(t *testing.T, s Subject) {
		pool := givenPool(t, s, true)
		done(t, "StartPool of an active pool", s.StartPool(t.Context(), poolName))
		done(t, "StopPool", s.StopPool(t.Context(), poolName))

		stopped, err := s.Pool(t.Context(), poolName)
		done(t, "Pool of an inactive pool", err)
		if stopped.Active || stopped.Path != poolPath {
			t.Errorf("the inactive pool is %+v", stopped)
		}
		at, err := s.PoolAt(t.Context(), poolPath)
		if err != nil || at != stopped {
			t.Errorf("PoolAt returned %+v, %v", at, err)
		}
		_, err = s.Volume(t.Context(), poolName, "file")
		failed(t, "Volume of an inactive pool", err)
		_, err = s.VolumeNames(t.Context(), poolName)
		failed(t, "VolumeNames of an inactive pool", err)
		failed(t, "CreateVolume in an inactive pool", s.CreateVolume(t.Context(), givenVolume("file")))

		done(t, "StartPool", s.StartPool(t.Context(), poolName))
		if started, err := s.Pool(t.Context(), poolName); err != nil || started != pool {
			t.Errorf("the started pool is %+v (%v), want %+v", started, err, pool)
		}

		done(t, "StopPool", s.StopPool(t.Context(), poolName))
		done(t, "Remove", s.Disk.Remove(poolPath))
		done(t, "StartPool without its directory", s.StartPool(t.Context(), poolName))
		wantMode(t, s, poolPath, fs.ModeDir|0o755)
	}},
	{"a pool goes with its empty directory", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		done(t, "DeletePool", s.DeletePool(t.Context(), poolName, true))
		_, err := s.Pool(t.Context(), poolName)
		refused(t, "Pool", err, virt.ErrNotFound)
		wantGone(t, s, poolPath)
	}},
	{"a pool that is inactive goes", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		done(t, "StopPool", s.StopPool(t.Context(), poolName))
		done(t, "DeletePool", s.DeletePool(t.Context(), poolName, true))
		wantGone(t, s, poolPath)
	}},
	{"a pool leaves its directory", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		done(t, "DeletePool", s.DeletePool(t.Context(), poolName, false))
		wantMode(t, s, poolPath, fs.ModeDir|0o755)
	}},
	{"a pool leaves a directory that holds something", func(t *testing.T, s Subject) {
		givenPool(t, s, true)
		givenFile(t, s)
		done(t, "DeletePool", s.DeletePool(t.Context(), poolName, true))
		_, err := s.Pool(t.Context(), poolName)
		refused(t, "Pool", err, virt.ErrNotFound)
		wantContent(t, s, "theirs", "kept")
	}},
}

// givenPool creates the pool, and removes it after the test with all its content.
func givenPool(t *testing.T, s Subject, missing bool) virt.Pool {
	t.Helper()
	tidyDirectory(t, s)
	pool, made, err := s.CreatePool(t.Context(), poolName, poolPath)
	done(t, "CreatePool", err)
	if made != missing {
		t.Errorf("CreatePool says that it made the directory: %v, want %v", made, missing)
	}
	return pool
}

// givenFile makes a file of another program in the pool's directory: "theirs", with the content "kept".
func givenFile(t *testing.T, s Subject) {
	t.Helper()
	tidyDirectory(t, s)
	done(t, "WriteFile", s.Disk.WriteFile(path.Join(poolPath, "theirs"), []byte("kept")))
}

func tidyDirectory(t *testing.T, s Subject) {
	tidy(t, "the directory", func(context.Context) error { return s.Disk.Remove(path.Dir(poolPath)) })
	tidy(t, "the pool", func(ctx context.Context) error { return s.DeletePool(ctx, poolName, false) })
}

func wantPublic(t *testing.T, pool virt.Pool, mode string, public bool) {
	t.Helper()
	if pool.Mode != mode || pool.Public() != public {
		t.Errorf("the pool has mode %q, public: %v; want %q, %v", pool.Mode, pool.Public(), mode, public)
	}
}

func wantMode(t *testing.T, s Subject, path string, want fs.FileMode) {
	t.Helper()
	info, err := s.Disk.Stat(path)
	done(t, "Stat", err)
	if info.Mode() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
	}
}

func wantGone(t *testing.T, s Subject, path string) {
	t.Helper()
	_, err := s.Disk.Stat(path)
	refused(t, path, err, fs.ErrNotExist)
}

func wantContent(t *testing.T, s Subject, name, want string) {
	t.Helper()
	got, err := s.Disk.ReadFile(path.Join(poolPath, name))
	done(t, "ReadFile", err)
	if string(got) != want {
		t.Errorf("%s holds %d bytes %.40q, want %d bytes %.40q", name, len(got), got, len(want), want)
	}
}
